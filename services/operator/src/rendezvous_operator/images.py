"""Which image a container is made of, and what options of limits look like: pure."""

import re
from typing import Final

from rendezvous_contracts.runtimes import RUNTIMES

from rendezvous_operator.goals import Wanted

_FORMS: Final = {
    "cpus": r"\d{1,4}(\.\d{1,3})?",
    "memory": r"[1-9]\d{0,12}[bkmg]?",
    # Not the machine's own: what only listens there would be within reach of who deploys something.
    "network": r"(?!host$)[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
    "restart": r"no|always|unless-stopped|on-failure",
}


def image_of(wanted: Wanted, named: str) -> tuple[str, str]:
    """
    Return the image of *wanted*, or an empty text and why there is none.

    *named*: what the images are called, with {runtime} for that of the models.
    """
    if wanted.image:
        return wanted.image, ""
    unknown = [each for each in wanted.types if each not in RUNTIMES]
    if unknown:
        return "", f"there is no image for models of type {unknown[0]}: name one (image)"
    runtimes = sorted({RUNTIMES[each] for each in wanted.types})
    if len(runtimes) != 1:
        return "", f"no image has all of {', '.join(runtimes) or 'nothing'}: name one (image)"
    return named.format(runtime=runtimes[0]), ""


def misshapen(wanted: Wanted) -> str:
    """Return what is wrong with the form of an option of *wanted*, or an empty text."""
    for name, form in _FORMS.items():
        value = wanted.options.get(name)
        if value is not None and not re.fullmatch(form, value):
            return f"option {name} is {value!r}: it has to look like {form}"
    return ""
