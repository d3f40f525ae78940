"""Keyed hashes in place of identifiers, and the crosswalk back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preprocess.faces import face

if TYPE_CHECKING:
    from preprocess.privacy.crosswalk import Crosswalk as Crosswalk
    from preprocess.privacy.keys import SiteKey as SiteKey
    from preprocess.privacy.keys import default_key_path as default_key_path
    from preprocess.privacy.keys import load_key as load_key
    from preprocess.privacy.keys import load_or_create_key as load_or_create_key
else:
    __all__, __getattr__, __dir__ = face(
        __name__,
        crosswalk="Crosswalk",
        keys="SiteKey default_key_path load_key load_or_create_key",
    )
