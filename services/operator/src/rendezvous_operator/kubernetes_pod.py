"""The template of the pods that models run in: a file of whoever installs the operator."""

from pathlib import Path

import yaml
from rendezvous_runtime.errors import SettingsError

from rendezvous_operator.kubernetes_objects import Json


def read_pod(path: Path | None) -> Json:
    """Return the template of the pods in *path* (YAML); raises SettingsError that says what is wrong."""
    if path is None:
        raise SettingsError(
            "RENDEZVOUS_KUBERNETES_POD is not set: name the file with the template of the pods"
        )
    try:
        pod = yaml.safe_load(path.read_text(encoding="utf-8"))
        named = [each["name"] for each in pod["spec"]["containers"]]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"RENDEZVOUS_KUBERNETES_POD: {path} cannot be read: {error}") from error
    except (KeyError, TypeError) as error:
        raise SettingsError(
            f"RENDEZVOUS_KUBERNETES_POD: {path} is no template of a pod: it needs spec.containers with names"
        ) from error
    if not named:
        raise SettingsError(f"RENDEZVOUS_KUBERNETES_POD: {path} has no container")
    return dict(pod)
