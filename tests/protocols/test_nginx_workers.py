from actors.protocols.nginx_workers import Service, Workers


def test_requests_of_one_worker_wait_for_each_other():
    workers = Workers(2, 10)
    first, second = workers.accept(0), workers.accept(0)
    assert first is not None and second is not None and first is not second
    assert workers.serve(first, 400, now_ns=1000) == Service(1000, 1400)
    assert workers.serve(first, 400, now_ns=1100) == Service(1400, 1800)
    assert workers.serve(second, 400, now_ns=1100) == Service(1100, 1500)
    assert workers.serve(first, 400, now_ns=5000) == Service(5000, 5400)


def test_the_idle_worker_accepts():
    workers = Workers(2, 10)
    busy = workers.accept(0)
    assert busy is not None
    workers.serve(busy, 400, now_ns=0)
    idle = workers.accept(100)
    again = workers.accept(100)
    assert idle is again is not busy


def test_among_idle_workers_the_one_with_fewest_connections_accepts():
    workers = Workers(3, 10)
    assert [worker.number for worker in (workers.accept(0) for _ in range(6)) if worker] == [0, 1, 2, 0, 1, 2]


def test_worker_connections_are_not_enough():
    workers = Workers(2, 1)
    first = workers.accept(0)
    assert first is not None
    assert workers.accept(0) is not None
    assert workers.accept(0) is None
    workers.release(first)
    assert workers.accept(0) is first


def test_nobody_accepts_while_all_serve():
    workers = Workers(2, 10)
    for _ in range(2):
        worker = workers.accept(0)
        assert worker is not None
        assert not workers.all_busy(0)
        workers.serve(worker, 400, now_ns=0)
    assert workers.all_busy(399)
    assert not workers.all_busy(400)
