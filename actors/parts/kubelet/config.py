"""The parts of a node's config that are the kubelet's: the images that its registry has."""

from typing import Annotated, Any, Literal

from pydantic import Field

from actors.parts.pod.image import ContainerImage, NginxSettings
from actors.units import SECOND, Duration

RESOLVE_S = 0.4
"""What a registry takes to say which image a tag means, or that there is none."""


class ImageConfig(ContainerImage):
    """An image that can be had, by its repository; any tag will do."""

    pull_time: Duration = Field(default=2 * SECOND, description="how long it takes to pull")
    present: bool = Field(default=False, description="it is on the node already")
    stop_signal: Literal["SIGTERM", "SIGQUIT", "SIGINT", "SIGKILL"] | None = Field(
        default=None,
        description="its STOPSIGNAL; SIGQUIT for nginx (as in the official image) and SIGTERM for others, unless told",
    )

    @property
    def signal(self) -> str:
        return self.stop_signal or ("SIGQUIT" if self.program == "nginx" else "SIGTERM")

    def for_pod(self) -> dict[str, Any]:
        """As the pod's process takes it: a `ContainerImage`."""
        names = {"program", "app", *(NginxSettings.model_fields if self.program == "nginx" else ())}
        return self.model_dump(mode="json", include=names)


Images = dict[Annotated[str, Field(min_length=1)], ImageConfig]

DEFAULT_IMAGES: dict[str, dict[str, Any]] = {
    "nginx": {"program": "nginx"},
    "busybox": {"program": "command", "pull_time": "1s"},
}
"""What a node can pull when its config says nothing of images."""
