"""Where the npm packages of the network on loopback are."""

from __future__ import annotations

import pytest

from bot.devnet import node
from bot.devnet.node import place


@pytest.fixture
def shipped(tmp_path):
    folder = tmp_path / "npm"
    folder.mkdir()
    (folder / "package-lock.json").write_text("{}")
    return folder


def test_a_checkout_has_them_beside_their_lock_file(tmp_path):
    assert place(tmp_path / "not-shipped", tmp_path / "localnet", tmp_path / "cache") == tmp_path / "localnet"
    assert node.HOME == node.CHECKOUT


def test_an_installed_wheel_has_them_in_the_users_cache(tmp_path, shipped):
    found = place(shipped, tmp_path / "localnet", tmp_path / "cache")
    assert found.is_relative_to(tmp_path / "cache")


def test_another_version_of_them_has_another_place(tmp_path, shipped):
    before = place(shipped, tmp_path / "localnet", tmp_path / "cache")
    assert place(shipped, tmp_path / "localnet", tmp_path / "cache") == before
    (shipped / "package-lock.json").write_text('{"name": "newer"}')
    assert place(shipped, tmp_path / "localnet", tmp_path / "cache") != before


@pytest.mark.network
def test_an_installed_wheel_installs_from_the_files_that_it_carries(tmp_path, shipped, monkeypatch):
    home = tmp_path / "cache" / "localnet"
    monkeypatch.setattr(node, "SHIPPED", shipped)
    monkeypatch.setattr(node, "HOME", home)
    with pytest.raises(node.LocalNetError, match="npm ci ended"):
        node.install(home)
    assert (home / "package-lock.json").read_text() == "{}"


def test_what_is_installed_is_not_installed_again(tmp_path, monkeypatch):
    (tmp_path / "node_modules").mkdir()
    monkeypatch.setattr(node, "HOME", tmp_path)
    node.install_once()
    assert [file.name for file in tmp_path.iterdir()] == ["node_modules"]
