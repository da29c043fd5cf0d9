"""The template of the pods, as it is read."""

from pathlib import Path

import pytest
from rendezvous_operator.kubernetes_pod import read_pod
from rendezvous_runtime.errors import SettingsError


def test_a_template_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text("spec: {containers: [{name: scores}]}")
    assert read_pod(path) == {"spec": {"containers": [{"name": "scores"}]}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read: .*No such file"),
        ("spec: {", "cannot be read"),
        ("", "is no template of a pod"),
        ("[]", "is no template of a pod"),
        ("spec: {}", "is no template of a pod"),
        ("spec: {containers: [{image: nameless}]}", "is no template of a pod"),
        ("spec: {containers: []}", "has no container"),
    ],
)
def test_what_is_no_template_is_refused_with_the_file_and_the_reason(
    tmp_path: Path, text: str | None, says: str
) -> None:
    path = tmp_path / "pod.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(
        SettingsError, match=rf"RENDEZVOUS_KUBERNETES_POD: .*pod.yaml .*{says}|pod.yaml {says}"
    ):
        read_pod(path)


def test_without_a_template_it_is_asked_for() -> None:
    with pytest.raises(SettingsError, match="name the file with the template of the pods"):
        read_pod(None)
