"""
Trains the models of the wine example and writes them with their policies.

Run it as: python -m examples.wine.train [FOLDER]

policy.yaml holds the models of the first roll-out and the route, champion.yaml the next champion and the
route that brings it in. The same data and seeds give the same models.
"""

import sys
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from rendezvous_contracts.policy import write_documents
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from examples.wine import pmml
from examples.wine.dataset import TARGET, Wines, read_wines

OUT: Final = Path("build/wine")
SEED: Final = 20_090_625
LINEAR: Final = "wine-linear@1"
MLP: Final = "wine-mlp@1"
FOREST: Final = "wine-forest@1"
CHAMPION: Final = "wine-forest@2"
# A control message has to fit into a record of Kafka's usual size; what does not goes by its location.
MAX_INLINE_BYTES: Final = 900_000


class Recipe(NamedTuple):
    """A model to train: how it is *made*, and how it is *written* as PMML once it is fitted."""

    model: str
    description: str
    made: Callable[[], Any]
    written: Callable[[Any, tuple[str, ...]], str]


class Trained(NamedTuple):
    """A fitted model, its PMML document, and how good it is on wines that it has not seen."""

    model: str
    description: str
    fitted: Any
    document: bytes
    r2: float
    mae: float


def _forest(trees: int, **limits: int) -> Callable[[], Any]:
    return lambda: RandomForestRegressor(trees, max_features=0.3, random_state=SEED, n_jobs=1, **limits)


def _network() -> Any:
    network = MLPRegressor(
        hidden_layer_sizes=(8,), activation="tanh", alpha=3.0, max_iter=3_000, random_state=SEED
    )
    return make_pipeline(StandardScaler(), network)


def _written_forest(fitted: Any, names: tuple[str, ...]) -> str:
    return pmml.forest(fitted, names, TARGET)


RECIPES: Final = (
    Recipe(LINEAR, "linear regression", LinearRegression, lambda m, n: pmml.linear(m, n, TARGET)),
    Recipe(MLP, "8 neurons", _network, lambda m, n: pmml.network(m[0], m[1], n, TARGET)),
    Recipe(FOREST, "random forest of 100 small trees", _forest(100, max_leaf_nodes=24), _written_forest),
    Recipe(CHAMPION, "random forest of 150 large trees", _forest(150, min_samples_leaf=3), _written_forest),
)


def split(wines: Wines) -> tuple[Wines, Wines]:
    """Return four fifths of *wines* and the rest; wines that measure the same stay together."""
    measured = [tuple(row) for row in wines.features]
    places = {row: place for place, row in enumerate(dict.fromkeys(measured))}
    groups = [places[row] for row in measured]
    halves = next(GroupShuffleSplit(1, test_size=0.2, random_state=SEED).split(groups, groups=groups))
    seen, unseen = (_chosen(wines, half.tolist()) for half in halves)
    return seen, unseen


def _chosen(wines: Wines, rows: list[int]) -> Wines:
    return Wines(wines.names, [wines.features[row] for row in rows], [wines.quality[row] for row in rows])


def train(recipe: Recipe, seen: Wines, unseen: Wines) -> Trained:
    """Return the model of *recipe*, fitted to the wines that are *seen* and judged by the *unseen*."""
    fitted = recipe.made().fit(seen.features, seen.quality)
    said = fitted.predict(unseen.features)
    document = recipe.written(fitted, seen.names).encode()
    r2, mae = float(r2_score(unseen.quality, said)), float(mean_absolute_error(unseen.quality, said))
    return Trained(recipe.model, recipe.description, fitted, document, r2, mae)


def write(trained: Iterable[Trained], wines: Wines, out: Path) -> None:
    """Write each model's document, policy.yaml and champion.yaml to *out*."""
    out.mkdir(parents=True, exist_ok=True)
    models = {one.model: _model_policy(one, wines, _written(one, out)) for one in trained}
    champion = models.pop(CHAMPION)
    first = write_documents([*models.values(), _route_policy(FOREST, wines)])
    (out / "policy.yaml").write_text(first, encoding="utf-8")
    second = write_documents([champion, _route_policy(CHAMPION, wines)])
    (out / "champion.yaml").write_text(second, encoding="utf-8")


def _written(trained: Trained, out: Path) -> Path:
    path = out / f"{trained.model.replace('@', '-')}.pmml"
    path.write_bytes(trained.document)
    return path


def _model_policy(trained: Trained, wines: Wines, path: Path) -> dict[str, object]:
    document = trained.document
    artifact: dict[str, object] = {"path": path.name}
    if len(document) > MAX_INLINE_BYTES:
        digest = sha256(document).hexdigest()
        artifact = {"location": path.resolve().as_uri(), "sha256": digest, "size": len(document)}
    return {
        "model": trained.model,
        "type": "pmml",
        "description": trained.description,
        "quality": round(trained.r2, 4),
        "artifact": artifact,
        "inputs": dict.fromkeys(wines.names, "number"),
        "outputs": {TARGET: "number"},
    }


def _route_policy(champion: str, wines: Wines) -> dict[str, object]:
    return {
        "route": "wine",
        "description": "The quality of a red wine",
        "sla": "100ms",
        "schedule": [{"use": champion}, {"after": "40ms", "use": MLP}, {"after": "70ms", "use": "any"}],
        "default": {TARGET: round(sum(wines.quality) / len(wines.quality), 1)},
        "canary": LINEAR,
        "inputs": dict.fromkeys(wines.names, "number"),
    }


def main(out: Path = OUT) -> None:
    """Train all models, say how good they are, and write them to *out*."""
    wines = read_wines()
    seen, unseen = split(wines)
    models = []
    for recipe in RECIPES:
        one = train(recipe, seen, unseen)
        size = len(one.document)
        print(f"{one.model:<15} R2 {one.r2:.3f}  MAE {one.mae:.3f}  {size:>9,} bytes  {one.description}")
        models.append(one)
    write(models, wines, out)
    print(f"{len(seen.quality)} wines seen, {len(unseen.quality)} judged; models and policies are in {out}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
