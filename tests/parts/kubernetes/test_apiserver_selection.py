"""Who looks through a selection and follows from any moment sees what a list would show."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.parts.kubernetes.apiserver.requests import Target
from actors.parts.kubernetes.apiserver.selection import Selection, selection_of
from actors.parts.kubernetes.apiserver.store import Store, place_of
from actors.protocols.kubernetes.resources import BY_KIND

Object = dict[str, Any]

PLACES = [("default", "a"), ("default", "b"), ("kube-system", "a")]
WRITES = st.lists(
    st.tuples(
        st.sampled_from(PLACES), st.sampled_from(["red", "blue", "gone"]), st.sampled_from(["", "n1", "n2"])
    ),
    max_size=25,
)
SELECTIONS = [
    (None, {}),
    ("default", {}),
    (None, {"labelSelector": "colour=red"}),
    ("default", {"labelSelector": "colour!=red", "fieldSelector": "spec.nodeName!=n1"}),
    (None, {"fieldSelector": "spec.nodeName=n1"}),
    ("kube-system", {"fieldSelector": "metadata.name=a"}),
]


def pod(place: tuple[str, str], colour: str, node: str) -> Object:
    metadata = {"namespace": place[0], "name": place[1], "labels": {"colour": colour}}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": node}}


def shown(store: Store, selection: Selection, revision: int) -> dict[tuple[str, str], Object]:
    values = store.objects_at(revision, "Pod", selection.namespace)
    return {place_of(value): value for value in values if selection.has(value)}


@given(WRITES, st.sampled_from(SELECTIONS), st.integers(0, 25))
def test_a_list_and_what_followed_is_the_next_list(
    writes: list[tuple[tuple[str, str], str, str]], chosen: tuple[str | None, dict[str, str]], start: int
):
    store = Store(None, lambda: 0)
    for place, colour, node in writes:
        there = store.get("Pod", *place)
        if colour != "gone":
            store.put("Pod", pod(place, colour, node))
        elif there is not None:
            store.delete("Pod", there)
    selection = selection_of(Target(BY_KIND["Pod"], chosen[0]), chosen[1])
    start = min(start, store.revision)
    followed = shown(store, selection, start)
    for event in store.events_after(start, "Pod"):
        news = selection.seen(event)
        if news is None:
            continue
        place = place_of(news.object)
        assert (place in followed) is (news.type != "ADDED"), news.type
        assert news.object["metadata"]["resourceVersion"] == str(event.revision)
        if news.type == "DELETED":
            del followed[place]
        else:
            followed[place] = news.object
    assert followed == shown(store, selection, store.revision)
    store.close()
