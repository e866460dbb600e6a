"""Prometheus's own tool reads every query, rule and configuration that is shipped."""

import subprocess
from pathlib import Path

import yaml

from tests.dashboards.promql import all_queries, filled_in
from tests.tools import needs

PROMETHEUS = Path(__file__).parents[2] / "dashboards" / "prometheus"

pytestmark = needs("promtool")


def promtool(*arguments: str, where: Path = PROMETHEUS) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_query_of_every_panel_is_promql(tmp_path: Path):
    rules = [
        {"record": f"panel:{number}", "expr": filled_in(query, panel, page)}
        for number, (page, panel, query) in enumerate(all_queries())
    ]
    rules.append({"record": "annotations", "expr": "journey_event_active == 1"})
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", "queries.yml", where=tmp_path)


def test_the_rules_are_prometheus_s():
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "rules.yml")


def test_the_configuration_is_prometheus_s():
    assert "SUCCESS" in promtool("check", "config", "--lint=all", "prometheus.yml")


def test_alerts_go_off_when_they_should_and_only_then():
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml")


def test_every_alert_says_what_is_wrong():
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    assert alerts and all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in alerts)
