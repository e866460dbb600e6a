"""ipamd's worked examples (its docs/eni-and-ip-target.md and docs/prefix-and-ip-target.md), address for address."""

from typing import Any

import pytest

from tests.elements.ipam_bed import Bed

T3 = {"instance_type": "t3.small"}
M5 = {"instance_type": "m5.large"}
P3 = {"instance_type": "p3dn.24xlarge"}
Figures = tuple[int, int, int]

ROWS: list[tuple[dict[str, Any], dict[str, int], dict[int, Figures]]] = [
    (T3, {"WARM_ENI_TARGET": 1}, {0: (1, 3, 3), 1: (2, 6, 5), 5: (3, 9, 4), 9: (3, 9, 0)}),
    (
        T3,
        {"WARM_IP_TARGET": 1, "MINIMUM_IP_TARGET": 1},
        {0: (1, 1, 1), 1: (1, 2, 1), 5: (2, 6, 1), 9: (3, 9, 0)},
    ),
    (
        T3,
        {"WARM_IP_TARGET": 2, "MINIMUM_IP_TARGET": 5},
        {0: (2, 5, 5), 1: (2, 5, 4), 5: (3, 7, 2), 9: (3, 9, 0)},
    ),
    (
        M5,
        {"WARM_ENI_TARGET": 1},
        {0: (1, 9, 9), 1: (2, 18, 17), 5: (2, 18, 13), 9: (2, 18, 9), 10: (3, 27, 17), 19: (3, 27, 8)},
    ),
    (
        M5,
        {"MINIMUM_IP_TARGET": 10, "WARM_IP_TARGET": 2},
        {0: (2, 10, 10), 1: (2, 10, 9), 5: (2, 10, 5), 9: (2, 11, 2)},
    ),
    (P3, {"WARM_ENI_TARGET": 1}, {0: (1, 49, 49), 3: (2, 98, 95), 95: (3, 147, 52)}),
    (
        P3,
        {"WARM_IP_TARGET": 5, "MINIMUM_IP_TARGET": 10},
        {0: (1, 10, 10), 7: (1, 12, 5), 15: (1, 20, 5), 45: (2, 50, 5)},
    ),
]


@pytest.mark.parametrize(
    ("instance", "env", "row"), ROWS, ids=[f"{one['instance_type']}-{env}" for one, env, _ in ROWS]
)
def test_a_row_of_the_table(instance: dict[str, Any], env: dict[str, int], row: dict[int, Figures]):
    async def story(bed: Bed) -> None:
        for pods, figures in row.items():
            await bed.pods(pods)
            await bed.settle()
            assert bed.figures() == figures, f"{pods} pods"

    Bed(**instance, **env).play(story)


def test_prefixes_on_a_t3_small():
    async def story(bed: Bed) -> None:
        for pods, prefixes, enis in ((0, 1, 1), (5, 2, 1), (17, 3, 1), (58, 5, 2)):
            await bed.pods(pods)
            await bed.settle()
            assert bed.figures() == (enis, 16 * prefixes, 16 * prefixes - pods), f"{pods} pods"

    Bed(**T3, max_pods=110, ENABLE_PREFIX_DELEGATION=True, WARM_PREFIX_TARGET=1).play(story)


def test_an_m5_large_gives_an_eni_back_when_its_pods_are_gone():
    async def story(bed: Bed) -> None:
        await bed.pods(19)
        await bed.settle()
        assert bed.figures() == (3, 27, 8)
        await bed.sleep(60)
        await bed.pods(9)
        await bed.sleep(29)
        assert bed.figures() == (3, 27, 18), "addresses cool on every ENI but the first"
        await bed.sleep(10)
        assert bed.figures() == (2, 18, 9)
        detached = bed.events("ec2.detach_network_interface")
        assert len(detached) == 1 and len(bed.kernel.interfaces) == 2
        assert not [each for each in bed.kernel.tables.entries() if "eth2" in str(each) or "'3'" in str(each)]

    Bed(**M5).play(story)
