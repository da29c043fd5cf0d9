import subprocess
import sys
from pathlib import Path

from rendezvous_model_container.app import create_app
from rendezvous_model_container.settings import ContainerSettings
from scoring.v1.status_pb2 import ModelState


def test_an_application_that_is_not_run_says_which_model_it_waits_for(tmp_path: Path) -> None:
    app = create_app(ContainerSettings(model=("wine@1",), data_dir=tmp_path))

    (model,) = app.parts.status().models

    assert app.parts.waiting_for() == "wine@1: not in the control log"
    assert (model.model, model.state) == ("wine@1", ModelState.MODEL_STATE_UNSPECIFIED)


def test_importing_the_service_imports_no_runtime() -> None:
    code = (
        "import sys, rendezvous_model_container.app, rendezvous_canary.app;"
        "heavy = {'jpype', 'pypmml', 'tensorflow', 'onnxruntime', 'numpy', 'pandas', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
