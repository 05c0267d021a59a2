"""The normalisers against brute force: ranges of addresses and ports, and durations, in every spelling users write."""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.normalise import ALL_PORTS, merge, network, networks, port_ranges, reaches, seconds, widest_public, world

PORTS = st.integers(0, 65535)


@st.composite
def wide_v4(draw: st.DrawFn) -> ipaddress.IPv4Network:
    """A network of at least a /6, so that brute force needs to count 64 blocks only."""
    length = draw(st.integers(0, 6))
    return ipaddress.IPv4Network((draw(st.integers(0, 2**length - 1)) << (32 - length), length))


@given(st.lists(wide_v4(), max_size=12))
def test_world_is_half_of_ipv4_counted_block_by_block(found: list[ipaddress.IPv4Network]) -> None:
    """However the ranges overlap or are split, only the addresses they cover together decide."""
    covered = {b for n in found for b in range(64) if ipaddress.IPv4Address(b << 26) in n}
    assert world(str(n) for n in found) == (len(covered) >= 32)


@given(st.integers(0, 5), st.data())
def test_splitting_a_range_changes_nothing(splits: int, data: st.DataObject) -> None:
    """The internet written as many halves is still the internet, in any order and with any repetition."""
    parts = [ipaddress.ip_network(data.draw(st.sampled_from(["0.0.0.0/0", "::/0"])))]
    for _ in range(splits):
        parts[:1] = list(parts[0].subnets())
    texts = data.draw(st.permutations([*map(str, parts), *map(str, parts[:2])]))
    assert world(texts)
    assert world([f"  {t.upper()} " for t in texts])


@given(st.lists(st.integers(2, 16).map(lambda k: f"{k * 8}.0.0.0/8"), max_size=15))
def test_a_few_large_blocks_are_not_the_world(found: list[str]) -> None:
    """Less than half is not the world, however it is listed."""
    assert not world(found)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (["0.0.0.0/0"], True),
        (["0.0.0.0/1", "128.0.0.0/1"], True),
        (["0.0.0.0/1"], True),
        (["*"], True),
        (["Any"], True),
        (["::/0"], True),
        (["2000::/3"], True),
        (["2000::/4"], True),
        (["2000::/5", "2800::/6", "2c00::/6"], True),
        (["::/1"], True),
        (["10.0.0.0/8", "192.168.0.0/16", "172.16.0.0/12"], False),
        (["fc00::/7"], False),
        (["2001:db8::/32"], False),
        (["203.0.113.7"], False),
        ([], False),
        (["nonsense", 7, None, {}], False),
    ],
)
def test_world_knows_the_usual_spellings(ranges: list[object], expected: bool) -> None:
    """Stars, words, halves and the public part of IPv6 are the world; private and documentation ranges are not."""
    assert world(ranges) is expected


@given(st.text(max_size=20))
def test_network_never_raises(text: str) -> None:
    """Anything a user may write is a network or None."""
    found = network(text)
    assert found is None or isinstance(found, ipaddress.IPv4Network | ipaddress.IPv6Network)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.booleans())
def test_network_reads_host_bits_blanks_and_netmasks(address: ipaddress.IPv4Address, length: int, mask: bool) -> None:
    """An address inside a range, with a prefix or a netmask, names the range."""
    expected = ipaddress.IPv4Network((int(address), length), strict=False)
    tail = str(expected.netmask) if mask and 0 < length < 32 else str(length)
    assert network(f" {address}/{tail} ") == expected


@given(st.lists(st.one_of(st.none(), st.integers(), st.booleans(), st.text(max_size=5)), max_size=5))
def test_networks_leaves_out_what_is_none(values: list[object]) -> None:
    """Only address ranges are kept, in order."""
    assert networks(values) == [network(v) for v in values if isinstance(v, str) and network(v) is not None]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (["10.0.0.0/8", "8.8.8.0/24", "8.8.0.0/16"], "8.8.0.0/16"),
        (["10.0.0.0/8", "192.168.1.1", "fc00::/7"], None),
        (["0.0.0.0/0"], "0.0.0.0/0"),
        (["::/0", "8.8.8.8"], "::/0"),
        (["0.0.0.0/1", "8.8.8.8"], "0.0.0.0/1"),
        (["10.0.0.0/7"], "10.0.0.0/7"),
        ([], None),
    ],
)
def test_widest_public_ignores_private_ranges(ranges: list[str], expected: str | None) -> None:
    """The widest range that holds any public address, the whole internet included."""
    assert widest_public(ranges) == (network(expected) if expected else None)


@given(st.lists(st.tuples(PORTS, PORTS).map(lambda p: (min(p), max(p))), max_size=8), PORTS)
def test_merge_covers_exactly_the_same_ports(ranges: list[tuple[int, int]], port: int) -> None:
    """Joined ranges reach what the single ones reach, are in order and do not touch."""
    joined = merge(ranges)
    assert reaches(joined, port) == any(low <= port <= high for low, high in ranges)
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(joined))


@given(st.lists(st.tuples(PORTS, PORTS), min_size=1, max_size=6), st.data())
def test_port_ranges_read_every_spelling(ranges: list[tuple[int, int]], data: st.DataObject) -> None:
    """A port as number, float or text and a range in either order, with blanks, mean the same ports."""
    spelled: list[object] = []
    expected: set[tuple[int, int]] = set()
    for low, high in ranges:
        if data.draw(st.booleans()):
            spelled.append(data.draw(st.sampled_from([low, float(low), str(low), f" {low} ", f"{low}.0"])))
            expected.add((low, low))
        else:
            spelled.append(data.draw(st.sampled_from([f"{low}-{high}", f" {low} - {high} ", f"{low}.0-{high}"])))
            expected.add((min(low, high), max(low, high)))
    assert port_ranges(spelled) == merge(expected)


@pytest.mark.parametrize("everything", [None, [], ["all"], ["22", "ALL"], ["*"], ["0-65535"], ["0-21", "22-65535"]])
def test_no_ports_and_all_are_every_port(everything: list[object] | None) -> None:
    """Leaving the ports out opens all of them, as the provider does."""
    assert port_ranges(everything) == [ALL_PORTS]


@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.booleans())
def test_seconds_add_up(days: int, hours: int, minutes: int, rest: int, upper: bool) -> None:
    """A duration in parts is the sum of its parts, and the same as a bare number of seconds."""
    total = days * 86400 + hours * 3600 + minutes * 60 + rest
    text = f"{days}d{hours}h{minutes}m{rest}s"
    assert seconds(text.upper() if upper else text) == total
    assert seconds(f"{total}s") == seconds(total) == seconds(f" {total} ") == total


@given(st.text(max_size=12))
def test_seconds_never_raise_nor_invent(text: str) -> None:
    """What is no duration is None, not zero and not a guess."""
    found = seconds(text)
    assert found is None or found >= 0
    if not any(c.isdigit() for c in text):
        assert found is None


@pytest.mark.parametrize("text", ["soon", "-5s", "1h soon", "s", "nan", "inf", "1e9s", "", None, "3 0s"])
def test_what_is_no_duration_is_none(text: str | None) -> None:
    """Words, signs and exponents are refused."""
    assert seconds(text) is None
