"""What the gateway can be told."""

from typing import ClassVar

from pydantic import Field
from rendezvous_runtime.settings import Port, ServiceSettings

MEBIBYTE = 1 << 20


class GatewaySettings(ServiceSettings):
    """The gateway's settings: what every service has, its HTTP port, and its limits."""

    service: ClassVar[str] = "gateway"

    web_port: Port = 6070
    http_host: str = Field(default="127.0.0.1", description="address of the public interface")
    http_port: Port = Field(default=8080, description="port of the public interface; 0: any that is free")
    gateway_tolerance_ms: float = Field(
        15.0, ge=0, le=60_000, description="how long after a deadline its own default answer leaves"
    )
    max_pending: int = Field(20_000, ge=1, description="requests in flight before 429")
    max_backlog: int = Field(50_000, ge=1, description="records not yet taken by the log before 429")
    max_body_bytes: int = Field(MEBIBYTE, ge=1_024, description="largest body, or line of a stream")
    max_request_bytes: int = Field(
        400_000, ge=1_024, description="largest request as a record: its input, twice that, has to fit too"
    )
    max_rows: int = Field(1_000, ge=1, description="rows of one Open Inference request")
    stream_window: int = Field(4_000, ge=1, description="most lines of one stream in flight")
    traces_rate: float = Field(
        0.01,
        ge=0,
        le=1,
        description="share of the requests without a traceparent that are traced, where an endpoint is set",
    )
    status_page: bool = Field(default=True, description="whether /status shows how routes and services are")
    remember_bytes: int = Field(
        64 * MEBIBYTE, ge=0, description="answers kept for repeated requests, oldest forgotten first"
    )
