"""What users may say about a host's TCP, under the names that it has in Linux's `net.ipv4` (and `net.core`)."""

from pydantic import BaseModel, ConfigDict, Field

from actors.protocols.tcp import TcpSettings
from actors.protocols.tcp.settings import CongestionControlName
from actors.units import MILLISECOND, SECOND, Duration


class Sysctls(BaseModel):
    """A host's TCP; what is not said is as Linux has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tcp_congestion_control: CongestionControlName = Field(
        default="cubic", description="how much may be in flight: CUBIC (RFC 9438) or NewReno (RFC 6582)"
    )
    tcp_sack: bool = Field(default=True, description="selective acknowledgments (RFC 2018)")
    tcp_timestamps: bool = Field(default=True, description="timestamps (RFC 7323), 12 bytes in each segment")
    tcp_window_scaling: bool = Field(default=True, description="windows beyond 64 KiB (RFC 7323)")
    tcp_rmem: int = Field(
        default=131_072,
        ge=2_048,
        le=8_388_480,
        description="receive buffer in bytes, at first",
    )
    tcp_moderate_rcvbuf: bool = Field(
        default=True, description="it grows with what arrives in a round trip, up to 6 MiB"
    )
    tcp_early_retrans: bool = Field(default=True, description="tail loss probes (RFC 8985)")
    tcp_slow_start_after_idle: bool = Field(
        default=True, description="silence of a retransmission timeout takes the window back to ten segments"
    )
    tcp_syn_retries: int = Field(default=6, ge=1, le=127, description="how often a SYN is sent again")
    tcp_synack_retries: int = Field(default=5, ge=0, le=255, description="how often a SYN,ACK is sent again")
    tcp_retries2: int = Field(default=15, ge=0, le=255, description="timeouts in a row that end a connection")
    tcp_fin_timeout: Duration = Field(
        default=60 * SECOND,
        gt=0,
        description="how long a closed socket waits for the peer's FIN, and in TIME_WAIT",
    )
    tcp_keepalive_time: Duration = Field(
        default=7200 * SECOND, gt=0, description="silence before a socket with keepalives asks its peer"
    )
    tcp_keepalive_intvl: Duration = Field(
        default=75 * SECOND, ge=MILLISECOND, description="between two such questions"
    )
    tcp_keepalive_probes: int = Field(
        default=9, ge=1, le=255, description="questions without an answer that end the connection"
    )
    so_keepalive: bool = Field(
        default=False, description="whether every socket asks; in Linux that is each application's choice"
    )
    tcp_abort_on_overflow: bool = Field(
        default=False, description="a full accept queue resets clients, rather than ignoring their last ACK"
    )
    tcp_syncookies: bool = Field(
        default=True, description="a full SYN queue is answered with cookies, rather than not at all"
    )
    somaxconn: int = Field(
        default=4096, ge=1, le=65_535, description="no listening socket's backlog is longer"
    )

    def settings(self) -> TcpSettings:
        """The same for the engine."""
        return TcpSettings(
            congestion_control=self.tcp_congestion_control,
            sack=self.tcp_sack,
            timestamps=self.tcp_timestamps,
            window_scale=7 if self.tcp_window_scaling else None,
            receive_buffer_bytes=self.tcp_rmem,
            moderate_receive_buffer=self.tcp_moderate_rcvbuf,
            early_retransmit=self.tcp_early_retrans,
            slow_start_after_idle=self.tcp_slow_start_after_idle,
            syn_retries=self.tcp_syn_retries,
            synack_retries=self.tcp_synack_retries,
            retries=self.tcp_retries2,
            time_wait_ns=self.tcp_fin_timeout,
            keepalive=self.so_keepalive,
            keepalive_time_ns=self.tcp_keepalive_time,
            keepalive_interval_ns=self.tcp_keepalive_intvl,
            keepalive_probes=self.tcp_keepalive_probes,
            abort_on_overflow=self.tcp_abort_on_overflow,
            syncookies=self.tcp_syncookies,
            somaxconn=self.somaxconn,
        )
