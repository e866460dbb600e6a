"""The dashboards, one file each, in the order of their links."""

from dashboards.model import Page
from dashboards.pages import (
    alb,
    aws_lens,
    cni,
    compare,
    control,
    home,
    load,
    overview,
    path,
    rollout,
    runtime,
)

PAGES: tuple[Page, ...] = (
    home.PAGE,
    overview.PAGE,
    path.PAGE,
    control.PAGE,
    alb.PAGE,
    rollout.PAGE,
    cni.PAGE,
    load.PAGE,
    compare.PAGE,
    runtime.PAGE,
    aws_lens.PAGE,
)
