from bot.network.cache import MAX_CACHED, TTL_SECONDS, TtlCache


def test_a_cache_forgets_what_is_old_and_what_is_too_much():
    now = [0.0]
    cache = TtlCache(monotonic=lambda: now[0])
    cache.put("first", 1)
    now[0] += TTL_SECONDS - 1
    assert cache.get("first") == 1
    now[0] += 1
    assert cache.get("first") is None
    for number in range(MAX_CACHED + 1):
        cache.put(str(number), number)
    assert (cache.get("0"), cache.get("1"), len(cache._values)) == (None, 1, MAX_CACHED)
