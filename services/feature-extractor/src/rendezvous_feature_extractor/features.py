"""From a request's fields to its features under a plan: checked first, extracted then, always finite."""

import math
from collections.abc import Mapping

from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.extraction import Problem
from rendezvous_contracts.values import Plain, to_fields
from scoring.v1.value_pb2 import Tensor

from rendezvous_feature_extractor.plans import Plan


class NoFeaturesError(Exception):
    """A request has no features; str() is for people and names the step or the check, and the field."""


def encoded_features(plan: Plan, values: Mapping[str, Plain], fields: bytes) -> bytes:
    """
    Return the features of a request with these *values*, encoded as *fields*, as encoded Fields.

    Raises NoFeaturesError where the plan has a flaw, the fields are not those that the route declares,
    a step finds no result, or a number is not finite.
    """
    if plan.flaw:
        raise NoFeaturesError(plan.flaw)
    _check(plan, values)
    if plan.extraction.steps == 0:
        return fields
    features = plan.extraction.extract(values)
    if isinstance(features, Problem):
        raise NoFeaturesError(str(features))
    try:
        # In one order, whichever process writes: who reads them learns it once.
        return to_fields(features).SerializeToString(deterministic=True)
    except BadValueError as error:
        raise NoFeaturesError(f"feature {error}") from error


def _check(plan: Plan, values: Mapping[str, Plain]) -> None:
    if plan.checker is not None:
        problems = plan.checker.problems(values)
        if problems:
            raise NoFeaturesError(f"request: {'; '.join(map(str, problems[:3]))}")
        return
    for name, value in values.items():
        if not _is_fit(value):
            raise NoFeaturesError(f"request: {name[:80]}: expected finite numbers in a fitting shape")


def _is_fit(value: Plain) -> bool:
    if type(value) is float:
        return math.isfinite(value)
    if isinstance(value, Tensor):
        return math.prod(value.shape) == len(value.numbers) and all(map(math.isfinite, value.numbers))
    return True
