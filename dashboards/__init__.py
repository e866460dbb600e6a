"""Grafana's dashboards of the emulated world, as code: `python -m dashboards build` writes `dashboards/json/`."""
