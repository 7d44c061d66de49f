"""Where models come from: folders, and the hub's own protocol on loopback with tokens, gates and faults."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from alphaads_pipelines.errors import AlphaAdsError, ConfigurationError, MissingArtifact
from alphaads_pipelines.nlp.hub import locate
from tests.nlp.hub_server import COMMIT, Hub, point_to, serving

NAME, TOKEN = "someone/tiny", "hf_a-secret-token-of-a-user"


def _fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(f"content of {name}")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, and an empty cache; the client is pointed at both."""
    with serving() as served:
        point_to(served.url, tmp_path / "cache", monkeypatch)
        served.models[NAME] = _fill(
            tmp_path / "model", "config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "README.md"
        )
        yield served


def _refused(name: str = NAME, token: str | None = None) -> AlphaAdsError:
    with pytest.raises(AlphaAdsError) as refused:
        locate(name, token)
    error: BaseException | None = refused.value
    while error is not None:
        assert TOKEN not in f"{error} {error!r}"
        assert error.__suppress_context__ or error.__context__ is None
        error = error.__cause__
    return refused.value


def test_a_folder_is_taken_as_it_is_and_its_version_follows_its_files(tmp_path: Path) -> None:
    folder = _fill(tmp_path / "mine", "config.json", "model.safetensors")
    found = locate(str(folder), None)
    assert (found.folder, found.name) == (folder, "mine")
    assert locate(str(folder), TOKEN) == found
    (folder / "optimizer.pt").write_text("of no concern")
    assert locate(str(folder), None) == found
    (folder / "model.safetensors").write_text("trained again")
    assert locate(str(folder), None).version != found.version


def test_a_folder_that_is_not_there_is_not_asked_of_the_hub(hub: Hub, tmp_path: Path) -> None:
    error = _refused(str(tmp_path / "nowhere"))
    assert isinstance(error, MissingArtifact)
    assert "no folder" in str(error)
    assert not hub.tokens


def test_a_name_is_fetched_once_with_the_token_and_one_copy_of_the_weights(hub: Hub) -> None:
    hub.private[NAME] = TOKEN
    found = locate(NAME, TOKEN)
    assert (found.name, found.version) == (NAME, COMMIT)
    assert found.mend == f"run `hf download --force-download {NAME}`"
    assert sorted(path.name for path in found.folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert hub.tokens == {TOKEN}
    assert locate(NAME, f" {TOKEN}\n") == found
    assert sorted(hub.fetched) == ["README.md", "config.json", "model.safetensors"]


def test_a_model_without_safetensors_comes_with_its_other_weights(hub: Hub) -> None:
    (hub.models[NAME] / "model.safetensors").unlink()
    assert (locate(NAME, None).folder / "pytorch_model.bin").exists()
    assert "tf_model.h5" not in hub.fetched


def test_the_cache_serves_where_the_hub_does_not(hub: Hub) -> None:
    found = locate(NAME, None)
    hub.broken = True
    assert locate(NAME, None) == found
    hub.broken = False
    hub.private[NAME] = "hf_of-somebody-else"
    assert locate(NAME, None) == found


def test_a_gated_model_asks_for_its_terms_and_a_token(hub: Hub) -> None:
    hub.gated.add(NAME)
    error = _refused()
    assert isinstance(error, ConfigurationError)
    assert "gated" in str(error)
    assert "set HUGGINGFACE_API_TOKEN" in str(error)
    assert "the token in HUGGINGFACE_API_TOKEN has no access" in str(_refused(token=TOKEN))


@pytest.mark.parametrize("token", [None, TOKEN])
def test_an_unknown_name_and_a_private_model_look_the_same(hub: Hub, token: str | None) -> None:
    hub.private[NAME] = "hf_of-somebody-else"
    for name in (NAME, "someone/misspelt"):
        error = _refused(name, token)
        assert isinstance(error, ConfigurationError)
        assert name in str(error)
        assert "check the name" in str(error)
        assert "a retry does not help" in str(error)


def test_a_hub_that_fails_is_worth_a_retry(hub: Hub) -> None:
    hub.broken = True
    error = _refused(token=TOKEN)
    assert isinstance(error, MissingArtifact)
    assert "answered 500" in str(error)
    assert "a retry may help" in str(error)


def test_a_hub_that_nobody_reaches_is_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        point_to(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path / "cache", monkeypatch)
        error = _refused(token=TOKEN)
    assert isinstance(error, MissingArtifact)
    assert "does not answer" in str(error)
    assert "a retry may help" in str(error)


def test_a_cache_that_cannot_be_written_is_said_to_be_that(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").touch()
    point_to(hub.url, tmp_path / "a-file" / "cache", monkeypatch)
    error = _refused()
    assert isinstance(error, MissingArtifact)
    assert "HF_HOME" in str(error)
    assert "Not a directory" in str(error)


@pytest.mark.parametrize("name", ["a/b/c", "what is this?", "-", "x" * 200])
def test_what_is_no_name_is_said_to_be_none(hub: Hub, name: str) -> None:
    assert isinstance(_refused(name), ConfigurationError)
    assert not hub.tokens


@pytest.mark.parametrize("token", [f"{TOKEN}\nX-Injected: 1", f"{TOKEN} {TOKEN}", f"{TOKEN}é"])
def test_what_is_no_token_is_not_sent(hub: Hub, token: str) -> None:
    error = _refused(token=token)
    assert isinstance(error, ConfigurationError)
    assert "HUGGINGFACE_API_TOKEN" in str(error)
    assert not hub.tokens
