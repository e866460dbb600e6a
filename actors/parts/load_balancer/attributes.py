"""Attributes of load balancers and target groups, by AWS's keys, from texts as AWS's API has them.

Attributes that are none of the node's business (deletion protection, say) are passed over.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from actors.protocols.balancing import ALGORITHMS


class Attributes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LoadBalancerAttributes(Attributes):
    """ModifyLoadBalancerAttributes, with AWS's defaults and ranges."""

    idle_timeout_s: int = Field(default=60, alias="idle_timeout.timeout_seconds", ge=1, le=4000)
    client_keep_alive_s: int = Field(default=3600, alias="client_keep_alive.seconds", ge=60, le=604_800)
    preserve_host: bool = Field(default=False, alias="routing.http.preserve_host_header.enabled")
    xff_client_port: bool = Field(default=False, alias="routing.http.xff_client_port.enabled")
    xff_mode: Literal["append", "preserve", "remove"] = Field(
        default="append", alias="routing.http.xff_header_processing.mode"
    )
    http2: bool = Field(default=True, alias="routing.http2.enabled")
    drop_invalid_header_fields: bool = Field(
        default=False, alias="routing.http.drop_invalid_header_fields.enabled"
    )
    desync_mitigation: Literal["monitor", "defensive", "strictest"] = Field(
        default="defensive", alias="routing.http.desync_mitigation_mode"
    )
    waf_fail_open: bool = Field(default=False, alias="waf.fail_open.enabled")
    tls_fields: bool = Field(default=False, alias="routing.http.x_amzn_tls_version_and_cipher_suite.enabled")


Off = Literal["off"]


class TargetGroupAttributes(Attributes):
    """ModifyTargetGroupAttributes, with AWS's defaults and ranges."""

    algorithm: str = Field(
        default="round_robin", alias="load_balancing.algorithm.type", pattern=f"^({'|'.join(ALGORITHMS)})$"
    )
    anomaly_mitigation: Literal["on", "off"] = Field(
        default="off", alias="load_balancing.algorithm.anomaly_mitigation"
    )
    cross_zone: Literal["true", "false", "use_load_balancer_configuration"] = Field(
        default="use_load_balancer_configuration", alias="load_balancing.cross_zone.enabled"
    )
    deregistration_delay_s: int = Field(
        default=300, alias="deregistration_delay.timeout_seconds", ge=0, le=3600
    )
    slow_start_s: int = Field(default=0, alias="slow_start.duration_seconds", ge=0, le=900)
    sticky: bool = Field(default=False, alias="stickiness.enabled")
    sticky_type: Literal["lb_cookie", "app_cookie"] = Field(default="lb_cookie", alias="stickiness.type")
    lb_cookie_s: int = Field(default=86_400, alias="stickiness.lb_cookie.duration_seconds", ge=1, le=604_800)
    app_cookie_s: int = Field(
        default=86_400, alias="stickiness.app_cookie.duration_seconds", ge=1, le=604_800
    )
    app_cookie_name: str = Field(default="", alias="stickiness.app_cookie.cookie_name")
    minimum_healthy_count: int = Field(
        default=1, alias="target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", ge=1
    )
    minimum_healthy_percentage: Off | int = Field(
        default="off",
        alias="target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
    )
    dns_minimum_healthy_count: Off | int = Field(
        default=1, alias="target_group_health.dns_failover.minimum_healthy_targets.count"
    )
    dns_minimum_healthy_percentage: Off | int = Field(
        default="off", alias="target_group_health.dns_failover.minimum_healthy_targets.percentage"
    )
