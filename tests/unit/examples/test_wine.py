"""The models of the wine example say through PMML what they say in scikit-learn, on every wine."""

import math
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.policy import ModelDocument, RouteDocument, parse_documents
from rendezvous_models.artifacts import ArtifactRules, ArtifactStore
from rendezvous_models.contract import Failure, RuntimeOptions, create_runtime
from scoring.v1.control_pb2 import AddModel, Artifact, Control, Model

from examples.wine.dataset import TARGET, Wines, read_wines
from examples.wine.pmml import largest_double
from examples.wine.train import (
    CHAMPION,
    FOREST,
    LINEAR,
    MAX_INLINE_BYTES,
    MLP,
    RECIPES,
    Trained,
    split,
    train,
    write,
)

# Relative: a network sums in another order and scales along a line through two points.
TOLERANCE = {LINEAR: 1e-12, MLP: 1e-9, FOREST: 1e-12, CHAMPION: 1e-12}


@pytest.fixture(scope="module")
def wines() -> Wines:
    return read_wines()


@pytest.fixture(scope="module")
def models(wines: Wines) -> dict[str, Trained]:
    seen, unseen = split(wines)
    return {recipe.model: train(recipe, seen, unseen) for recipe in RECIPES}


@pytest.fixture(scope="module")
def folder(wines: Wines, models: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wine")
    write(models.values(), wines, out)
    return out


def scored(artifact: Path, wines: Wines) -> Sequence[float]:
    runtime = create_runtime(Model(type="pmml"), RuntimeOptions())
    runtime.load(artifact)
    rows = [dict(zip(wines.names, row, strict=True)) for row in wines.features]
    numbers = []
    for outputs in runtime.predict(rows):
        assert not isinstance(outputs, Failure), outputs
        number = outputs[TARGET]
        assert isinstance(number, float)
        numbers.append(number)
    runtime.unload()
    return numbers


def test_all_wines_are_there(wines: Wines) -> None:
    assert len(wines.features) == len(wines.quality) == 1_599
    assert len(wines.names) == 11
    assert {"fixed_acidity", "pH", "alcohol"} <= set(wines.names)
    assert set(wines.quality) == {3, 4, 5, 6, 7, 8}


def test_no_wine_that_was_seen_is_judged(wines: Wines) -> None:
    seen, unseen = split(wines)

    assert len(seen.quality) + len(unseen.quality) == 1_599
    assert not {tuple(row) for row in seen.features} & {tuple(row) for row in unseen.features}


@pytest.mark.parametrize("name", TOLERANCE)
def test_pmml_says_what_scikit_learn_says_of_every_wine(
    name: str, wines: Wines, models: dict[str, Trained], folder: Path
) -> None:
    expected = models[name].fitted.predict(wines.features).tolist()

    found = scored(folder / f"{name.replace('@', '-')}.pmml", wines)

    assert found == pytest.approx(expected, rel=TOLERANCE[name], abs=0)


@given(threshold=st.floats(-1e6, 1e6, allow_subnormal=False))
def test_a_tree_branches_on_doubles_as_on_numbers_of_32_bits(threshold: float) -> None:
    edge = largest_double(threshold)

    assert float(np.float32(edge)) <= threshold < float(np.float32(math.nextafter(edge, math.inf)))


def test_the_models_are_of_different_quality(models: dict[str, Trained]) -> None:
    r2 = [models[name].r2 for name in (LINEAR, MLP, FOREST, CHAMPION)]

    assert r2 == sorted(r2)
    assert len(set(r2)) == 4
    assert 0.25 < r2[0] < r2[-1] < 0.5


def test_the_same_seed_gives_the_same_documents(wines: Wines, models: dict[str, Trained]) -> None:
    seen, unseen = split(wines)

    assert train(RECIPES[1], seen, unseen).document == models[MLP].document


def test_the_first_roll_out_travels_inline_and_the_champion_by_its_location(folder: Path) -> None:
    *first, route = parse_documents((folder / "policy.yaml").read_text(), "policy.yaml")
    champion, next_route = parse_documents((folder / "champion.yaml").read_text(), "champion.yaml")

    for document in first:
        assert isinstance(document, ModelDocument)
        assert document.path is not None
        assert (folder / document.path).stat().st_size <= MAX_INLINE_BYTES
    assert isinstance(champion, ModelDocument)
    assert champion.model.artifact.location == (folder / "wine-forest-2.pmml").as_uri()
    assert champion.model.artifact.size == (folder / "wine-forest-2.pmml").stat().st_size > MAX_INLINE_BYTES
    assert isinstance(route, RouteDocument)
    assert isinstance(next_route, RouteDocument)
    assert [(tier.after_us, tier.model or "any") for tier in route.route.schedule] == [
        (0, FOREST),
        (40_000, MLP),
        (70_000, "any"),
    ]
    assert (route.route.sla_us, route.route.canary) == (100_000, LINEAR)
    assert next_route.route.schedule[0].model == CHAMPION


def test_both_ways_of_an_artifact_lead_to_the_same_bytes(
    folder: Path, models: dict[str, Trained], tmp_path: Path
) -> None:
    store = ArtifactStore(tmp_path / "copies", ArtifactRules(roots=(folder,)))
    champion, _ = parse_documents((folder / "champion.yaml").read_text(), "champion.yaml")
    assert isinstance(champion, ModelDocument)
    data = (folder / "wine-forest-1.pmml").read_bytes()
    inline = Artifact(data=data, sha256=sha256(data).digest(), size=len(data))
    message = Control(id="x", author="ada", add_model=AddModel(model=Model(name="f", artifact=inline)))

    assert message.ByteSize() < 1_000_000
    assert store.fetch(inline).read_bytes() == models[FOREST].document
    assert store.fetch(champion.model.artifact).read_bytes() == models[CHAMPION].document
