"""A site's own rules about its series names, from a YAML file; they have the last word about names.

```yaml
- match: "VLAX_FIESTA"        # the whole description; case, separators and accents don't count
  view: 2CH
  reason: planned by us from the horizontal long axis
- pattern: "^prot (vd|rv)"    # regular expression on the normal form of the description
  view: none
```

The first rule that matches wins. `reason` is for those who read the file: nothing of its text reaches the ledger but
the number of the rule.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from preprocess.errors import PreprocessError
from preprocess.recognition.names import Decision
from preprocess.recognition.safe_pattern import safe_pattern
from preprocess.recognition.words import LONGEST, normalise
from preprocess.store.views import View

__all__ = ["SiteRule", "SiteRules"]

_LARGEST_FILE = 1 << 20  # bytes
_MOST_RULES = 1000
_FIELDS = {"match", "pattern", "view", "reason"}
_VIEWS: dict[str, View | None] = {**{view.value: view for view in View}, "NONE": None}


@dataclass(frozen=True)
class SiteRule:
    """One rule: either `key`, a whole description without signs, or `pattern`; the other is empty."""

    key: str
    pattern: re.Pattern[str] | None
    view: View | None

    @classmethod
    def of(cls, entry: Any, where: str) -> SiteRule:
        """Read and check an entry of a file.

        Args:
            entry: as YAML gives it.
            where: what an error names: file and number.

        Raises:
            PreprocessError: it cannot be used.
        """
        if not isinstance(entry, dict):
            raise PreprocessError(f"{where} has no fields", "it needs match or pattern, and view")
        unknown = sorted(str(name) for name in entry if name not in _FIELDS)
        if unknown:
            raise PreprocessError(f"{where} has an unknown field {unknown[0][:40]!r}", f"known: {sorted(_FIELDS)}")
        for name, value in entry.items():
            if not isinstance(value, str):
                raise PreprocessError(f"{where}: {name} is not a text", "put it in quotes")
        if ("match" in entry) == ("pattern" in entry):
            raise PreprocessError(f"{where} needs either match or pattern", "give one of them")
        view = entry.get("view", "").strip().upper()
        if view not in _VIEWS:
            raise PreprocessError(f"{where}: view is not one of 4CH, 3CH, 2CH, SAX, none", "give one of them")
        if "pattern" in entry:
            return cls("", safe_pattern(entry["pattern"], where), _VIEWS[view])
        key = _key(entry["match"])
        if not key:
            raise PreprocessError(f"{where}: match has no letter or digit", "give the whole description")
        return cls(key, None, _VIEWS[view])

    def matches(self, key: str, words: str) -> bool:
        """True where a description, as a key and in its normal form, is meant by the rule."""
        return key == self.key if self.pattern is None else self.pattern.search(words) is not None


@dataclass(frozen=True)
class SiteRules:
    """The rules of a site in order; hashed and compared by `digest`, the SHA-256 of what they say."""

    digest: str
    rules: tuple[SiteRule, ...] = field(compare=False)

    @staticmethod
    def read(path: Path) -> SiteRules:
        """Read and check a file of rules.

        Raises:
            PreprocessError: no such file, not YAML, or an entry that cannot be used; the entry's number is named.
        """
        entries = _entries(path)
        rules = tuple(SiteRule.of(entry, f"{path}, rule {number}") for number, entry in enumerate(entries, start=1))
        said = [(rule.key, rule.pattern.pattern if rule.pattern else "", str(rule.view)) for rule in rules]
        return SiteRules(hashlib.sha256(repr(said).encode()).hexdigest(), rules)

    def number(self, description: str) -> int | None:
        """The number, from 1, of the first rule that matches a description."""
        key, words = _key(description), normalise(description)
        return next((index for index, rule in enumerate(self.rules, start=1) if rule.matches(key, words)), None)

    def decide(self, description: str) -> Decision | None:
        """What the site says about a description; None where no rule matches."""
        number = self.number(description)
        if number is None:
            return None
        view = self.rules[number - 1].view
        reason = f"site rule {number}" + ("" if view else ": not one of the four views")
        return Decision(view, 1.0, reason, final=view is None, by_site=True)


class _Loader(yaml.SafeLoader):
    """Refuses a field given twice in one entry (a forgotten dash), where YAML would keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The fields of an entry."""
        names = [name.value for name, _ in node.value]
        if len({str(name) for name in names}) < len(names):
            raise yaml.constructor.ConstructorError(None, None, "a field is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _key(description: str) -> str:
    """Letters and digits alone, of any script, without case and accents."""
    plain = unicodedata.normalize("NFKD", description[:LONGEST]).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def _entries(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise PreprocessError(f"{path} is too large for a file of site rules", "check --site")
        content = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise PreprocessError(f"no such file: {path}", "check --site") from None
    except OSError as error:
        raise PreprocessError(f"cannot read {path}: {error.strerror}", "check --site") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = "a field is given twice" if "given twice" in str(error) else "not YAML"
        raise PreprocessError(
            f"{path}{where}: {problem}", "a rule starts with -, a text with signs needs quotes"
        ) from None
    if not isinstance(content, list) or not content:
        raise PreprocessError(f"{path} is not a list of rules", 'start each with "- match:" or "- pattern:"')
    if len(content) > _MOST_RULES:
        raise PreprocessError(f"{path} has more than {_MOST_RULES} rules", "say several names in one pattern")
    return content
