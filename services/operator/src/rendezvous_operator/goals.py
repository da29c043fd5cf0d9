"""What the control log wants to run, container by container: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from rendezvous_contracts.routes import ranked_models
from rendezvous_control.state import DeploymentEntry, State
from scoring.v1.control_pb2 import Deployment

# Options that are settings of every model container (RENDEZVOUS_<NAME>); more would let who deploys
# something give it rights on the machine that it runs on.
CONTAINER_OPTIONS: Final = frozenset({"drain_s", "jvm_heap_mb", "loaded_max_bytes", "max_batch"})
_BUILD_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    One container that is to run.

    *build* stands for all that makes it what it is: containers of another build are replaced. *types*: of its
    models, each once. An empty *image*: the one for the type.
    """

    deployment: str
    build: str
    index: int
    models: tuple[str, ...]
    types: tuple[str, ...] = ()
    image: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called, as an instance on `status` too; no two are called alike."""
        return f"{self.deployment}.{self.build}.{self.index}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the model container."""
        # The group of one model is named after it. A list of many would be too long.
        group = "" if len(self.models) == 1 else f"rendezvous.deployment.{self.deployment}.{self.build}"
        options = {name: value for name, value in self.options.items() if name in CONTAINER_OPTIONS}
        return {
            "RENDEZVOUS_MODEL": ",".join(self.models),
            "RENDEZVOUS_INSTANCE": self.name,
            "RENDEZVOUS_GROUP": group,
            **{f"RENDEZVOUS_{name.upper()}": value for name, value in options.items()},
        }


@dataclass(frozen=True, slots=True)
class Goal:
    """
    What is to run under one name, as of its *generation*.

    *problem*: why that cannot be; what runs then stays as it is.
    """

    deployment: str
    generation: int
    instances: tuple[Wanted, ...]
    problem: str = ""


def goals(state: State) -> dict[str, Goal]:
    """Return what is to run, by the name of the deployment."""
    found = {name: _goal(state, entry) for name, entry in state.deployments.items() if not entry.removed}
    return dict(sorted(found.items()))


def _goal(state: State, entry: DeploymentEntry) -> Goal:
    deployment = entry.deployment
    models = _hosted(state, deployment)
    if not models and deployment.replicas:
        hosts = deployment.WhichOneof("hosts") or ""
        what = f"{hosts.replace('_', ' ')} {getattr(deployment, hosts)}" if hosts else "it"
        return Goal(deployment.name, entry.generation, (), f"{what}: there is no model to score with")
    build = _build(deployment, models)
    types = tuple(sorted({state.models[model].model.type for model in models if model in state.models}))
    options = dict(deployment.options)
    instances = tuple(
        Wanted(deployment.name, build, index, models, types, deployment.image, options)
        for index in range(deployment.replicas)
    )
    return Goal(deployment.name, entry.generation, instances)


def _hosted(state: State, deployment: Deployment) -> tuple[str, ...]:
    match deployment.WhichOneof("hosts"):
        case "model":
            return (deployment.model,)
        case "versions_of":
            versions = (each for each in state.models.values() if each.model.name == deployment.versions_of)
            named = (f"{each.model.name}@{each.model.version}" for each in versions if not each.removed)
            return tuple(sorted(named))
        case "route" if entry := state.routes.get(deployment.route):
            # The canary is scored by the service of that name.
            route = entry.current.route
            return tuple(sorted({*ranked_models(route), *route.shadows}))
    return ()


def _build(deployment: Deployment, models: Iterable[str]) -> str:
    options = (f"{name}={value}" for name, value in sorted(deployment.options.items()))
    text = "\n".join([deployment.image, *models, "", *options])
    return sha256(text.encode()).hexdigest()[:_BUILD_DIGITS]
