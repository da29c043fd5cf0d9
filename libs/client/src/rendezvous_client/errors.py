"""The errors of this package; ClientError is the root."""


class ClientError(Exception):
    """The client could not do what it was asked to; str() says why and what to do."""


class UnreachableError(ClientError):
    """The broker or the gateway does not answer."""


class MissingTopicError(ClientError):
    """The broker has no such topic."""


class TooLargeError(ClientError):
    """A message is larger than brokers take."""


class TimedOutError(ClientError):
    """What was waited for did not come in time. It may still come."""


class BadQuestionError(ClientError):
    """A question cannot be asked as it is."""


class GatewayError(ClientError):
    """The gateway refused a question, or answered with what is no answer."""


class RefusedError(ClientError):
    """A control message was published, and changes nothing; str() has the reason."""
