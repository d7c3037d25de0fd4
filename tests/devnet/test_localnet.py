import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest

from bot.devnet import localnet, node
from bot.devnet.localnet import LocalNet, LocalNetError

pytestmark = pytest.mark.network
SECRETS = ("admin-password", "jwt-secret", "rotation-key")


def test_people_and_their_directory_outlive_a_kill(tmp_path):
    with LocalNet(tmp_path) as net:
        alice = net.actor("alice")
        ref = alice.post("hi")
        urls = (net.pds_url, net.plc_url, net.firehose_url)
        net.kill()
        net.start()
        assert (net.pds_url, net.plc_url, net.firehose_url) == urls
        assert [post.ref for post in alice.posts()] == [ref]
        alice.rename("alicia")  # the directory must know her still


def test_it_listens_on_loopback_only_with_secrets_of_its_own(tmp_path):
    with LocalNet(tmp_path / "a") as one, LocalNet(tmp_path / "b") as two:
        for net in (one, two):
            listening = psutil.Process(net._node.process.pid).net_connections("inet")
            assert {it.laddr.ip for it in listening if it.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        for name in SECRETS:
            files = [tmp_path / folder / name for folder in "ab"]
            assert files[0].read_text() != files[1].read_text()
            assert [file.stat().st_mode & 0o777 for file in files] == [0o600] * 2


def test_node_ends_when_its_parent_is_killed(tmp_path):
    script = (
        "import pathlib, sys, time; from bot.devnet.localnet import LocalNet;"
        "net = LocalNet(pathlib.Path(sys.argv[1])); net.start();"
        "print(net._node.process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        node = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    node.wait(10)


def test_a_node_that_cannot_start_is_told_with_its_last_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "ports.json").write_text(json.dumps([port, port]))
        with pytest.raises(LocalNetError, match=r"(?s)Node ended with 1.*EADDRINUSE"):
            LocalNet(tmp_path).start()


def test_without_its_packages_it_says_how_to_install_them(tmp_path, monkeypatch):
    monkeypatch.setattr(localnet, "HOME", tmp_path)
    with pytest.raises(LocalNetError, match=r"Run: \S+ -m bot\.devnet\.localnet install"):
        LocalNet(tmp_path / "data").start()


def test_an_installation_that_fails_names_what_it_needs(tmp_path, capsys):
    shutil.copy(node.HOME / "package.json", tmp_path)
    (tmp_path / "package-lock.json").write_text("{")
    with pytest.raises(LocalNetError, match=r"C\+\+ compiler"):
        node.install(tmp_path)
    assert "npm ci ended after" in capsys.readouterr().err
