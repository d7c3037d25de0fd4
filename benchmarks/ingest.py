"""Measures what reading a stream costs: the bot's streams, a socket that drops everything, the SDK's client.

    python -m benchmarks.ingest --json [--frames FILE] [--bot DID]

A sender and a receiver run over loopback, each pinned to a core, with and without TLS. All three receivers
run in every round, so that a ratio compares the same moment. CPU is user + system time of the receiver. The
result is the median of the rounds' ratios, with half the range between the quartiles as `spread`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import corpus
from benchmarks.ends import head

if TYPE_CHECKING:
    from collections.abc import Iterator

BOT = "did:plc:scrubjaybenchmarkbotaaaa"
PLANTED_EVERY = 300  # one planted frame among so many
RATES = (1000, 5000, 20000)
LATENCY_SECONDS = 4
HIT_EVERY = 25


class Files:
    """The files that the sender sends, in a temporary folder."""

    def __init__(self, folder: Path, frames: list[bytes], planted: corpus.Planted) -> None:
        self.folder, self.me = folder, planted.me
        self.planted = folder / "planted.json"
        self.planted.write_text(
            json.dumps({"me": planted.me, "people": planted.people, "posts": planted.posts})
        )
        self.wanted = Counter(planted.wanted)
        self.messages = {"firehose": frames, "jetstream": corpus.as_lines(frames)}
        self.cert = _certificate(folder)

    def write(self, stream: str, share: float = 1.0) -> tuple[Path, int, int]:
        """The file for this stream, how many messages it has, and how many bytes."""
        messages = self.messages[stream][: int(len(self.messages[stream]) * share)]
        path = self.folder / f"{stream}{share}"
        if not path.exists():
            with path.open("wb") as out:
                for message in messages:
                    out.write(head(len(message), text=stream == "jetstream") + message)
        return path, len(messages), path.stat().st_size


def _certificate(folder: Path) -> Path:
    """Create a self-signed certificate for 127.0.0.1, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now, names = datetime.now(UTC), x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=2))
    made = made.add_extension(names, critical=True)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path = folder / "cert.pem"
    path.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def run(end: str, core: int, **options: Any) -> subprocess.Popen[str]:
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ends", end, f"--core={core}", *words],
        stdout=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def sender(core: int, path: Path, **options: Any) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Start the sender; yield its port and its process."""
    process = run("serve", core, file=path, **options)
    try:
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.communicate()


def received(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the receiver printed; kill it if it does not exit."""
    try:
        out, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    return dict(json.loads(out))


def compare(files: Files, stream: str, cores: list[int], options: argparse.Namespace, *, tls: bool) -> dict:
    """Return the cost of one stream. All three receivers run one after another in every round."""
    cert = files.cert if tls else None
    whole, count, size = files.write(stream)
    part, fewer, _ = files.write(stream, options.stock_share)
    costs: dict[str, list[float]] = {"bare": [], "ours": [], "stock": []}
    results: list[dict[str, Any]] = []
    with (
        sender(cores[-1], whole, cert=cert, repeat=options.repeat) as (port, _),
        sender(cores[-1], part, cert=cert) as (stock_port, _),
    ):
        for number in range(options.rounds):
            print(f"{stream}, tls {tls}, round {number + 1}", file=sys.stderr)
            common = {"cert": cert, "stream": stream}
            total = size * options.repeat
            result = received(run("bare", cores[0], port=port, bytes=total, **common))
            costs["bare"].append(result["cpu"] / count / options.repeat)
            results.append(received(run("ours", cores[0], port=port, planted=files.planted, **common)))
            costs["ours"].append(results[-1]["cpu"] / results[-1]["heard"])
            assert results[-1]["heard"] == count * options.repeat
            result = received(run("stock", cores[0], port=stock_port, **common))
            costs["stock"].append(result["cpu"] / result["heard"])
            assert result["heard"] == fewer, (stream, result["heard"], fewer)
    return _summary(costs) | _worst_round(files, stream, results, options.repeat)


def _summary(costs: dict[str, list[float]]) -> dict[str, Any]:
    bare = [mine / limit for mine, limit in zip(costs["ours"], costs["bare"], strict=True)]
    stock = [theirs / mine for mine, theirs in zip(costs["ours"], costs["stock"], strict=True)]
    return {
        "cpu_s_per_m": round(statistics.median(costs["ours"]) * 1e6, 3),
        "bare_cpu_s_per_m": round(statistics.median(costs["bare"]) * 1e6, 3),
        "stock_cpu_s_per_m": round(statistics.median(costs["stock"]) * 1e6, 3),
        "x_bare": round(statistics.median(bare), 2),
        "x_stock": round(statistics.median(stock), 1),
        "spread": {"x_bare": _spread(bare), "x_stock": _spread(stock)},
    }


def _spread(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return round((high - low) / 2, 2)


def _worst_round(files: Files, stream: str, results: list[dict[str, Any]], repeat: int) -> dict[str, Any]:
    """Return the worst round: the share of planted events found, events that were not planted, memory."""
    wanted = Counter({event: times * repeat for event, times in files.wanted.items()})
    if stream == "jetstream":  # Jetstream has no line for what is too big
        wanted = Counter({e: n for e, n in wanted.items() if e[0] != "RepoSync"}) + Counter(
            {e: n // 2 for e, n in wanted.items() if e[0] == "RepoSync"}
        )
    recalls, extra = [], []
    for result in results:
        reported = Counter((name, uri) for name, uri, _ in result["events"])
        recalls.append((reported & wanted).total() / wanted.total())
        extra.append((reported - wanted).total())
    return {
        "recall": min(recalls),
        "false_hits": max(extra),
        "rss_mb": max(result["rss_mb"] for result in results),
    }


def latency(files: Files, frames: list[bytes], cores: list[int]) -> dict[str, Any]:
    """From the sender's send to our typed event, in milliseconds, at several rates."""
    rng, found = random.Random(3), {}
    for rate in RATES:
        messages = frames[: rate * LATENCY_SECONDS]
        path = files.folder / f"paced{rate}"
        hits = {}
        with path.open("wb") as out:
            for number, plain in enumerate(messages):
                message = plain
                if number % HIT_EVERY == 0:
                    message, uri = corpus.mention(rng, files.me, corpus.FIRST_SEQ + number)
                    hits[uri] = number
                out.write(head(len(message), text=False) + message)
        found[str(rate)] = _latency(files, path, hits, rate, cores)
    return found


def _latency(files: Files, path: Path, hits: dict[str, int], rate: int, cores: list[int]) -> dict[str, float]:
    with sender(cores[-1], path, rate=rate) as (port, process):
        result = received(run("ours", cores[0], port=port, planted=files.planted, stream="firehose"))
        sent = json.loads(process.stdout.readline())
    delays = sorted((at - sent[hits[uri]]) * 1000 for _, uri, at in result["events"] if uri in hits)
    assert len(delays) == len(hits)
    return {"p50": round(statistics.median(delays), 3), "p99": round(delays[int(len(delays) * 0.99)], 3)}


def build(options: argparse.Namespace) -> tuple[list[bytes], corpus.Planted, str]:
    """Return frames with the planted ones among them, numbered in order."""
    rng = random.Random(options.seed)
    count = options.count
    if options.frames:
        plain = corpus.grow(corpus.load(options.frames), rng, count)
        origin = f"{count} frames grown from {options.frames.name}"
    else:
        plain = corpus.made_up(rng, count)
        origin = f"{count} frames that the benchmark made up (no --frames)"
    planted = corpus.plant(rng, options.bot, max(1, count // PLANTED_EVERY // 40), corpus.FIRST_SEQ)
    every, waiting, frames = max(1, count // (len(planted.frames) + 1)), iter(planted.frames), []
    for number, frame in enumerate(plain, 1):
        frames.append(frame)
        if number % every == 0:
            frames.extend(item for item in [next(waiting, None)] if item)
    frames.extend(waiting)
    frames = corpus.numbered(frames)
    assert len(set(frames)) == len(frames)
    return frames, planted, origin


def shared_frames() -> Path | None:
    beside = [parent / "shared" / "frames" / "frames.bin.zst" for parent in Path(__file__).resolve().parents]
    return next((item for item in beside if item.exists()), None)


def main() -> None:
    parser = argparse.ArgumentParser(description="What hearing the network costs.")
    parser.add_argument("--json", action="store_true", help="one object")
    parser.add_argument("--frames", type=Path, default=shared_frames(), help="recorded frames to grow from")
    parser.add_argument("--made-up", dest="frames", action="store_const", const=None, help="use none")
    parser.add_argument("--bot", default=BOT, help="the DID that is listened for")
    parser.add_argument("--count", type=int, default=40_000, help="distinct frames")
    parser.add_argument("--repeat", type=int, default=3, help="times a round sends them all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stock-share", type=float, default=0.2, help="of the frames, for the slow one")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    frames, planted, origin = build(options)
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder), frames, planted)
        result: dict[str, Any] = {"corpus": origin, "cores": len(cores), "rounds": options.rounds}
        for name, stream, tls in (
            ("firehose_wss", "firehose", True),
            ("firehose_ws", "firehose", False),
            ("jetstream_json", "jetstream", False),
        ):
            result[name] = compare(files, stream, cores, options, tls=tls)
        result["latency_ms"] = latency(files, frames, cores)
    streams = [value for value in result.values() if isinstance(value, dict) and "recall" in value]
    result["recall"] = min(item.pop("recall") for item in streams)
    result["false_hits"] = max(item.pop("false_hits") for item in streams)
    result["rss_mb"] = round(max(item.pop("rss_mb") for item in streams), 1)
    show(result, as_json=options.json)


def show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:15} {json.dumps(value)}")


if __name__ == "__main__":
    main()
