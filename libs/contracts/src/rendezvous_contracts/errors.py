"""The errors of this package."""


class ContractError(Exception):
    """A message or a text does not keep to the contracts; str() says what is wrong, where, and what to do."""


class BadValueError(ContractError):
    """A value has no place in a message: its type is not one that travels, or it is not finite."""


class BadNameError(ContractError):
    """A route, a model or a request id is not named as names have to be."""


class BadDurationError(ContractError):
    """A text is not a duration."""


class BadShareError(ContractError):
    """A text is not a share of the whole."""


class BadGateError(ContractError):
    """A gate of a roll-out cannot be read, or asks for what nobody measures."""


class ForeignMessageError(ContractError):
    """A message of another system cannot be taken over; str() says why."""


class BadExpressionError(ContractError):
    """An arithmetic expression cannot be read; str() says at which character and why."""


class BadExtractorError(ContractError):
    """A route's extractor cannot work on any request; str() names the step and what is wrong with it."""


class BadPolicyError(ContractError):
    """A policy document is not as it has to be; str() begins with the place, file:line."""
