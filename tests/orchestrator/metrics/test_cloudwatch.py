"""Statistics of the last minute, as CloudWatch has them: sums of growth, absent when nothing happened."""

import pytest

from actors.bounds import DURATIONS_S
from orchestrator.metrics.cloudwatch import Period, quantile, wanted
from orchestrator.metrics.ledger import Buckets, Labels
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names import METRICS

PLACES = {
    "alb-a": {"LoadBalancer": "app/shop/1", "AvailabilityZone": "eu-west-1a"},
    "alb-b": {"LoadBalancer": "app/shop/1", "AvailabilityZone": "eu-west-1b"},
}
SHOP = (("dimension_LoadBalancer", "app/shop/1"),)
WEB = (("dimension_TargetGroup", "web"), *SHOP)


def zone(letter: str) -> tuple[str, str]:
    return "dimension_AvailabilityZone", f"eu-west-1{letter}"


def family(name: str, *series: tuple[dict[str, str], float]) -> tuple[str, Family]:
    values: dict[Labels, float] = {
        tuple({"element": "alb-a", **labels}.items()): value for labels, value in series
    }
    return name, Family(METRICS[name], values)


def target_requests(**counts: float) -> tuple[str, Family]:
    series = [({"target_group": "web", "target": target}, count) for target, count in counts.items()]
    return family("journey_alb_target_requests_total", *series)


def told(period: Period, whole: bool = False) -> dict[str, dict[Labels, float]]:
    """By load balancer, or by target group where there is one; or by every combination of dimensions."""
    found = {
        each.metric.name.removeprefix("aws_applicationelb_"): each.values for each in period.statistics()
    }
    if whole:
        return found
    kept = {
        name: {key: values[key] for key in (WEB, SHOP) if key in values} for name, values in found.items()
    }
    return {name: dict(list(values.items())[:1]) for name, values in kept.items()}


def after(*moments: tuple[float, tuple[str, Family]], whole: bool = False) -> dict[str, dict[Labels, float]]:
    period = Period()
    for at_s, found in moments:
        period.note(at_s, dict([found]), PLACES)
    return told(period, whole)


def test_statistics_are_made_of_the_load_balancers_metrics_only():
    assert wanted("journey_alb_requests_total") and not wanted("journey_dns_queries_total")
    assert told(Period()) == {}


def test_what_was_counted_before_the_first_look_is_not_of_this_minute():
    assert after((0, target_requests(a=1000))) == {}
    assert after((0, target_requests(a=1000)), (5, target_requests(a=1010)))["request_count_sum"] == {WEB: 10}


def test_a_minute_after_the_last_request_there_is_no_request_count():
    moments = [(float(at_s), target_requests(a=min(at_s, 20))) for at_s in range(0, 120, 5)]
    assert after(*moments[:5])["request_count_sum"] == {WEB: 20}
    assert after(*moments[:13])["request_count_sum"] == {WEB: 20}
    assert after(*moments[:15])["request_count_sum"] == {WEB: 10}
    assert "request_count_sum" not in after(*moments)


def test_a_target_that_goes_within_the_minute_still_counts_and_one_that_comes_counts_from_nothing():
    moments = ((0, target_requests(a=5)), (5, target_requests(a=25, b=4)), (10, target_requests(b=14)))
    assert after(*moments)["request_count_sum"] == {WEB: 34}
    assert after(*moments)["request_count_per_target_sum"] == {WEB: 17}


def test_each_combination_of_dimensions_that_cloudwatch_publishes_is_told():
    def requests(a: int, b: int) -> tuple[str, Family]:
        counts = {"alb-a": a, "alb-b": b}
        series = [
            ({"element": node, "target_group": group, "target": "t"}, count)
            for node, count in counts.items()
            for group in ("web", "api")
        ]
        return family("journey_alb_target_requests_total", *series)

    found = after((0, requests(0, 0)), (5, requests(10, 2)), whole=True)
    api = (("dimension_TargetGroup", "api"), *SHOP)
    assert found["request_count_sum"] == {
        SHOP: 24,
        (zone("a"), *SHOP): 20,
        (zone("b"), *SHOP): 4,
        WEB: 12,
        api: 12,
        **{(each[0], zone("a"), *SHOP): 10 for each in (WEB, api)},
        **{(each[0], zone("b"), *SHOP): 2 for each in (WEB, api)},
    }
    assert found["request_count_per_target_sum"] == {WEB: 12, api: 12}


def test_hosts_of_the_load_balancer_are_those_that_any_node_knows_and_each_zone_has_its_node_s():
    def targets(a: int, b: int) -> tuple[str, Family]:
        series = [
            ({"element": node, "target_group": "web", "state": "healthy"}, count)
            for node, count in (("alb-a", a), ("alb-b", b))
        ]
        return family("journey_alb_targets", *series)

    found = after((0, targets(3, 2)), (5, targets(3, 3)), whole=True)
    assert found["healthy_host_count_minimum"] == {
        WEB: 3,
        (WEB[0], zone("a"), *SHOP): 3,
        (WEB[0], zone("b"), *SHOP): 2,
    }


def test_a_node_that_is_away_counts_on_where_it_was_when_it_is_back():
    period = Period()
    for at_s, count, places in ((0, 100, PLACES), (5, 100, {}), (10, 104, PLACES)):
        period.note(at_s, dict([target_requests(a=count)]), places)
    assert told(period)["request_count_sum"] == {WEB: 4}


def test_a_node_that_serves_no_load_balancer_is_in_no_statistic():
    idle = [family("journey_alb_new_connections_total", ({"element": "spare"}, n)) for n in (0, 9)]
    assert after((0, idle[0]), (5, idle[1])) == {}


def test_codes_by_who_made_them():
    def requests(elb: int, redirects: int, fine: int, bad: int) -> tuple[str, Family]:
        labels = [
            ("elb", "5xx", elb),
            ("redirect", "3xx", redirects),
            ("target", "2xx", fine),
            ("target", "5xx", bad),
        ]
        return family(
            "journey_alb_requests_total",
            *(
                ({"target_group": "web", "source": source, "code_class": code_class}, count)
                for source, code_class, count in labels
            ),
        )

    found = after((0, requests(1, 1, 1, 1)), (5, requests(3, 4, 9, 1)))
    assert found == {
        "httpcode_elb_5_xx_count_sum": {SHOP: 2},
        "httpcode_elb_3_xx_count_sum": {SHOP: 3},
        "http_redirect_count_sum": {SHOP: 3},
        "httpcode_target_2_xx_count_sum": {WEB: 8},
    }


def test_hosts_are_the_least_and_the_most_of_the_minute():
    def targets(healthy: int, unhealthy: int) -> tuple[str, Family]:
        states = {"healthy": healthy, "unhealthy": unhealthy, "draining": 9}
        return family(
            "journey_alb_targets",
            *(({"target_group": "web", "state": key}, each) for key, each in states.items()),
        )

    found = after((0, targets(3, 0)), (5, targets(1, 2)), (10, targets(2, 1)))
    assert found == {
        "healthy_host_count_minimum": {WEB: 1},
        "un_healthy_host_count_maximum": {WEB: 2},
        "un_healthy_host_count_sum": {WEB: 2},
    }


def responses(*times_s: float) -> tuple[str, Family]:
    counts = [0] * (len(DURATIONS_S) + 1)
    for time_s in times_s:
        counts[next((i for i, bound in enumerate(DURATIONS_S) if time_s <= bound), len(DURATIONS_S))] += 1
    name = "journey_alb_target_response_duration_seconds"
    buckets = {(("element", "alb-a"), ("target_group", "web")): Buckets(DURATIONS_S, counts, sum(times_s))}
    return name, Family(METRICS[name], buckets=buckets)


def test_response_times_are_of_this_minute_s_responses():
    found = after((0, responses(5.0)), (5, responses(5.0, 0.02, 0.04)))
    assert found["target_response_time_average"][WEB] == pytest.approx(0.03)
    assert 0.025 < found["target_response_time_p99"][WEB] <= 0.05
    assert after((0, responses(5.0)), (5, responses(5.0))) == {}


def test_a_capacity_unit_is_that_of_the_dearest_dimension():
    def connections(count: int) -> tuple[str, Family]:
        return family("journey_alb_new_connections_total", ({}, count))

    found = after((0, connections(0)), (10, connections(1000)))
    assert found["consumed_lcus_average"][SHOP] == pytest.approx(100 / 25)
    assert found["new_connection_count_sum"][SHOP] == 1000


def test_ten_rules_of_each_request_are_free():
    period = Period()
    requests = {"target_group": "web", "source": "target", "code_class": "2xx"}
    for at_s, count, rules in ((0, 0, 0), (10, 1000, 30_000)):
        period.note(
            at_s,
            dict(
                [
                    family("journey_alb_requests_total", (requests, count)),
                    family("journey_alb_rule_evaluations_total", ({}, rules)),
                ]
            ),
            PLACES,
        )
    found = told(period)
    assert found["rule_evaluations_sum"] == {SHOP: 30_000}
    assert found["consumed_lcus_average"][SHOP] == pytest.approx((3000 - 10 * 100) / 1000)


@pytest.mark.parametrize(
    ("share", "counts", "expected"),
    [(0.5, [10, 0, 0], 0.5), (0.5, [0, 10, 0], 1.5), (0.99, [50, 50, 0], 1.98), (0.5, [0, 0, 10], 2.0)],
)
def test_quantiles_are_those_of_histogram_quantile(share, counts, expected):
    assert quantile(share, (1.0, 2.0), counts) == pytest.approx(expected)
