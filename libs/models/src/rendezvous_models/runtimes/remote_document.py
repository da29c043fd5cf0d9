"""
The artifact of a remote model: a small JSON document that says where it is and how rows become requests.

It is an artifact like any other, with a size and a sha256, and it stands in the control log for everybody to
read: so it holds no secret, only the names of those that the process has (remote_access.py). docs/models/
describes every key; what is wrong with a document is said with the path of the key.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    model_validator,
)

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_template import Pointer, Template

_MAX_BYTES: Final = 1 << 20
_LONGEST_MS: Final = 60_000
# What Model.options may change: nothing that says where a row or a secret goes.
_OPTIONS: Final = ("timeout_ms", "max_batch", "probe_ms")
_TELLING: Final = ("auth", "cookie", "key", "password", "secret", "token")

Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Version = Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9._-]*$")]
Size = Annotated[int, Field(ge=-1)]
Way = Annotated[Pointer, PlainValidator(Pointer)]
Milliseconds = Annotated[int, Field(ge=1, le=_LONGEST_MS)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class Header(_Part):
    """The value of one header: from a variable, from a file, or, where it is no secret, as it is."""

    env: Annotated[str, StringConstraints(pattern=r"^RENDEZVOUS_SECRET_[A-Z0-9_]+$")] | None = None
    file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")] | None = None
    value: Text | None = None
    prefix: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if [self.env, self.file, self.value].count(None) != len(("env", "file", "value")) - 1:
            raise ValueError("give one of env, file and value")
        return self


class InputTensor(_Part):
    """One tensor of a request; its rows are the values of *fields*, one after the other."""

    name: Text
    datatype: Text | None = None
    #: Of one row, without the batch's dimension. None: as the server declares it.
    shape: tuple[Size, ...] | None = None
    #: None: the one field of the tensor's name.
    fields: tuple[Text, ...] | None = Field(default=None, min_length=1)


class OutputTensor(_Part):
    """One tensor of a response; each row of it gives the values of *fields*, in their order."""

    name: Text
    fields: tuple[Text, ...] | None = Field(default=None, min_length=1)


class RemoteDocument(_Part):
    """What every remote model says; times are milliseconds."""

    schemes: ClassVar[tuple[str, ...]] = ("http", "https")

    url: Text
    headers: Mapping[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")], Header] = {}
    #: Who signed the server's certificate: a file among the secrets. None: those whom the system trusts.
    ca_file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")] | None = None
    timeout_ms: Milliseconds = 1_000
    probe_ms: Annotated[int, Field(ge=50, le=_LONGEST_MS)] = 2_000
    max_batch: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        self._check_url()
        for name, header in self.headers.items():
            if header.value is not None and any(word in name.lower() for word in _TELLING):
                raise ValueError(
                    f"headers.{name}: a secret must not stand in the control log; give env or file"
                )
        return self

    def _check_url(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in self.schemes:
            raise ValueError(f"url: {parts.scheme or 'no scheme'} is not one of {', '.join(self.schemes)}")
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: a user or a password must not stand in the control log; use headers")
        if not parts.hostname or parts.port == 0 or parts.fragment:
            raise ValueError("url: expected scheme://host[:port][/path]")


class TensorDocument(RemoteDocument):
    """A model that takes and gives tensors."""

    model: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
    #: Empty: the server chooses.
    version: Version = ""
    #: None: all that the server declares, each from the field of its name.
    inputs: tuple[InputTensor, ...] | None = Field(default=None, min_length=1)
    outputs: tuple[OutputTensor, ...] | None = Field(default=None, min_length=1)
    #: Whether the first dimension of the tensors counts rows; if not, each request is one row.
    batched: bool = True

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        fields = [name for each in self.outputs or () for name in each.fields or (each.name,)]
        for key, names in (
            ("inputs", [each.name for each in self.inputs or ()]),
            ("outputs", [each.name for each in self.outputs or ()]),
            ("outputs.fields", fields),
        ):
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"{key}: {twice} stands there more than once")
        return self


class OpenInferenceHttpDocument(TensorDocument):
    """A model behind the Open Inference protocol over HTTP."""

    @model_validator(mode="after")
    def _no_query(self) -> Self:
        if urlsplit(self.url).query:
            raise ValueError("url: the protocol's paths are added to it, so it can have no query")
        return self


class GrpcDocument(TensorDocument):
    """A model behind the Open Inference protocol over gRPC."""

    schemes: ClassVar[tuple[str, ...]] = ("grpc", "grpcs")

    @model_validator(mode="after")
    def _host_and_port(self) -> Self:
        parts = urlsplit(self.url)
        if parts.port is None or parts.path not in {"", "/"} or parts.query:
            raise ValueError("url: expected grpc://host:port or grpcs://host:port")
        return self


class Deployment(_Part):
    """How TensorFlow Serving is made to load the model; see tensorflow_serving.py."""

    base_path: Text
    #: The server's model configuration, by its name in the folder that the setting remote_configs names.
    config_file: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
    wait_ms: Milliseconds = 30_000


class TensorFlowServingDocument(GrpcDocument):
    """A model of a TensorFlow Serving."""

    version: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,17})?$")] = ""
    signature: Text = "serving_default"
    deploy: Deployment | None = None

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.deploy and not self.version:
            raise ValueError("deploy: what is to be deployed needs a version")
        return self


class JsonDocument(RemoteDocument):
    """Anything that takes and gives JSON over HTTP."""

    method: Annotated[str, StringConstraints(pattern=r"^(POST|PUT|PATCH)$")] = "POST"
    body: Annotated[Template, PlainValidator(Template)]
    #: Where in a response the list with one element for each row is; without $each, the one row's element.
    rows: Way = Pointer("")
    outputs: Annotated[Mapping[Text, Way], Field(min_length=1)]
    #: The path, on the same server, that answers 200 while it is ready. None: not asked.
    ready_path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=1_000)] | None = None


Document = TypeVar("Document", bound=RemoteDocument)


def read_document(kind: type[Document], data: bytes, options: Mapping[str, str]) -> Document:
    """
    Return the document that *data* holds, changed by *options* (those of the model's descriptor).

    Raises BadModelError, which names the key.
    """
    values = _parse(data)
    for name, text in options.items():
        values[name] = _option(name, text)
    try:
        return kind.model_validate_json(json.dumps(values))  # JSON's lists are taken for tuples
    except ValidationError as error:
        raise BadModelError(f"the remote model's document is wrong: {_explain(error)}") from None


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise BadModelError(f"the remote model's document has {len(data)} bytes; at most {_MAX_BYTES} may be")
    try:
        values = json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadModelError(f"the remote model's document is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise BadModelError("the remote model's document is not a JSON object")
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("an object has a key twice")
    return values


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number in JSON")


def _option(name: str, text: str) -> int:
    if name not in _OPTIONS:
        raise BadModelError(f"options.{name}: a remote model has only {', '.join(_OPTIONS)}")
    if not (text.isascii() and text.isdigit()):
        raise BadModelError(f"options.{name}: {text[:40]!r} is not a whole number")
    return int(text[:10])


def _explain(error: ValidationError) -> str:
    """Name each key and what is wrong with it, without its value: it may be a secret put in by mistake."""
    problems = []
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        where = ".".join(map(str, each["loc"]))
        reason = each["msg"].removeprefix("Value error, ")
        problems.append(f"{where}: {reason}" if where else reason)
    return "; ".join(problems)
