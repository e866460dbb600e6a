from tests.elements.node_bed import Bed, condition


def test_a_bound_pod_runs_and_goes():
    async def story(bed: Bed) -> None:
        await bed.create()
        began = bed.now_s
        print(await bed.until_ready() - began)
        print(await bed.status())
        print(await bed.events())
        await bed.client.delete("Pod", "web", "default")
        began = bed.now_s
        print(await bed.until_gone() - began)
        print(await bed.events())
        bed.clean()
    bed = Bed().play(story)
    for r in bed.net.journal: print(r)
