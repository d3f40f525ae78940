"""What a source holds, study by study, with bounded memory.

Every file is read once. Pixels are kept on the way while they fit; where a source holds more (an archive of many
studies), it is read again for a few studies at a time, so that memory does not grow with the source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from preprocess.conversion.job import Job
from preprocess.dicom.frame import Frame
from preprocess.dicom.reading import read_images
from preprocess.errors import PreprocessError
from preprocess.recognition.recognise import described
from preprocess.sources.archives import EVERYTHING, Member, members
from preprocess.sources.finding import Source
from preprocess.sources.sites import Site
from preprocess.sources.sites.registry import KnownFile, known_file
from preprocess.store.views import View
from preprocess.system.clock import Clock

__all__ = ["StudyFiles", "StudyId", "StudyVolume", "Survey", "survey", "with_pixels"]

StudyId = tuple[str, str]  # (PatientID, study identifier); never to leave the worker
_Place = tuple[int, int]  # (path of the source, file in it)
SAME_IMAGE = "the same image twice (equal SOPInstanceUID)"
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b")


@dataclass(frozen=True)
class StudyVolume:
    """A file that is a whole volume: the data set that reads it, the view that it shows, and its content."""

    site: Site
    view: View
    data: bytes


@dataclass
class StudyFiles:
    """The files of one study within a source.

    Attributes:
        images: frames of its DICOM files.
        volumes: its files that are volumes.
        places: where these files are.
        n_bytes: memory that their pixels need.
    """

    images: list[Frame] = field(default_factory=list)
    volumes: list[StudyVolume] = field(default_factory=list)
    places: set[_Place] = field(default_factory=set)
    n_bytes: int = 0
    _known: set[str] = field(default_factory=set)

    def add(self, image: Frame) -> bool:
        """Keep a frame; False where it is there already."""
        if image.instance_uid and image.instance_uid in self._known:
            return False
        self._known.add(image.instance_uid)
        self.images.append(image)
        return True

    def drop_pixels(self) -> None:
        """Keep the headers only."""
        self.images = [_without_pixels(image) for image in self.images]
        self.volumes = [replace(volume, data=b"") for volume in self.volumes]


@dataclass
class Survey:
    """All studies of a source, and how many of its files are of no study for which reason.

    Attributes:
        studies: by identifiers; without pixels where `has_pixels` is False.
        problems: number of files for each reason.
        has_pixels: everything fitted into memory.
    """

    studies: dict[StudyId, StudyFiles] = field(default_factory=dict)
    problems: Counter[str] = field(default_factory=Counter)
    has_pixels: bool = True

    def drop_pixels(self) -> None:
        """Keep the headers only."""
        self.has_pixels = False
        for study in self.studies.values():
            study.drop_pixels()


def survey(source: Source, job: Job, clock: Clock) -> Survey:
    """Read every file of a source once.

    Raises:
        PreprocessError: an archive breaks a limit; nothing of the source may be used.
        TimeUpError: a file took longer than allowed.
    """
    found = Survey()
    n_bytes = 0
    for file in _files(source, job, clock, found.problems):
        n_bytes += _add(file, found, job)
        if found.has_pixels and n_bytes > job.memory_mb << 20:
            found.drop_pixels()
    return found


def with_pixels(found: Survey, source: Source, job: Job, clock: Clock) -> Iterator[tuple[StudyId, StudyFiles | None]]:
    """Each study with its pixels, read again where the survey could not keep them; None for one that is too large."""
    ordered = sorted(found.studies)
    if found.has_pixels:
        yield from ((study, found.studies[study]) for study in ordered)
        return
    budget = job.memory_mb << 20
    yield from ((study, None) for study in ordered if found.studies[study].n_bytes > budget)
    for batch in _batches(found, budget):
        again = Survey()
        wanted = {place for study in batch for place in found.studies[study].places}
        for file in _files(source, job, clock, Counter(), wanted):
            _add(file, again, job)
        for study in batch:
            yield study, again.studies.pop(study, StudyFiles())


def _batches(found: Survey, budget: int) -> Iterator[list[StudyId]]:
    """Studies whose pixels fit into memory together."""
    batch: list[StudyId] = []
    n_bytes = 0
    for study, files in sorted(found.studies.items(), key=lambda item: item[0]):
        if files.n_bytes > budget:
            continue
        if batch and n_bytes + files.n_bytes > budget:
            yield batch
            batch, n_bytes = [], 0
        batch.append(study)
        n_bytes += files.n_bytes
    if batch:
        yield batch


@dataclass(frozen=True)
class _File:
    """A file, and what the public data sets know of it by its name."""

    place: _Place
    path: PurePath
    data: bytes
    known: KnownFile | None

    @property
    def view(self) -> View | None:
        """The view of a file that is a volume; None for any other."""
        if self.known is None or self.known.identity is None:
            return None
        return self.known.site.volume_view(self.path)

    @property
    def why_no_image(self) -> str:
        """What a file is that is known to hold no image of a study; empty for others."""
        if self.path.name.upper() == "DICOMDIR":
            return "DICOMDIR: an index, not needed"
        if self.known and self.known.aside:
            return self.known.aside.reason
        if self.path.name.lower().endswith((".nii", ".nii.gz")) and self.view is None:
            return "NIfTI volume whose name no known data set gives (known data sets are in docs/conversion.md)"
        if self.data.startswith(_ARCHIVES) and self.view is None:
            return "archive inside an archive (unpack the outer one)"
        return ""


def _files(
    source: Source, job: Job, clock: Clock, problems: Counter[str], wanted: set[_Place] | None = None
) -> Iterator[_File]:
    """The files of a source that may hold images; the others are counted as problems."""
    for number, path in enumerate(source.paths):
        checklist = _Checklist()
        chosen = EVERYTHING if wanted is None else {index for owner, index in wanted if owner == number}
        for member in members(path, job.limits, chosen):
            clock.tick()
            if not isinstance(member, Member):
                problems[member.reason] += 1
                continue
            inner = path / member.name
            file = _File((number, member.index), inner, member.data, known_file(inner, job.sites))
            checklist.add(member.name, file)
            if reason := file.why_no_image:
                problems[reason] += 1
            else:
                yield file
        if wanted is None:
            problems.update(checklist.missing())


@dataclass
class _Checklist:
    """What an archive or folder holds, and what its manifests say that it should hold."""

    names: set[str] = field(default_factory=set)
    manifests: dict[str, tuple[Site, bytes]] = field(default_factory=dict)

    def add(self, name: str, file: _File) -> None:
        """Note a file; of several manifests of a data set the last counts."""
        self.names.add(name)
        if file.known and file.known.aside and file.known.aside.is_manifest:
            self.manifests[file.known.site.name] = file.known.site, file.data

    def missing(self) -> Counter[str]:
        """How many files are not there, by reason."""
        found: Counter[str] = Counter()
        for site, manifest in self.manifests.values():
            try:
                found.update(site.missing(manifest, self.names))
            except PreprocessError as error:
                found[error.problem] += 1
        return found


def _add(file: _File, found: Survey, job: Job) -> int:
    """Put the frames of a file to their study; returns the memory (bytes) that the file's pixels take."""
    try:
        study, content = _parse(file, job)
    except PreprocessError as error:
        found.problems[error.problem] += 1
        return 0
    files = found.studies.setdefault(study, StudyFiles())
    if isinstance(content, StudyVolume):
        n_bytes = len(content.data)
        files.volumes.append(content if found.has_pixels else replace(content, data=b""))
    else:
        n_bytes = sum(len(image.pixels.data) for image in content)
        n_new = sum([files.add(image if found.has_pixels else _without_pixels(image)) for image in content])
        if n_new < len(content):
            found.problems[SAME_IMAGE] += len(content) - n_new
    files.places.add(file.place)
    files.n_bytes += n_bytes
    return n_bytes


def _parse(file: _File, job: Job) -> tuple[StudyId, list[Frame] | StudyVolume]:
    """The study of a file, and its frames or the volume that it is."""
    site, identity = (file.known.site, file.known.identity) if file.known else (None, None)
    if site and identity and (view := file.view):
        return (identity.patient, identity.study), StudyVolume(site, view, file.data)
    images = read_images(file.data)
    study = images[0].patient_id, images[0].study_id
    if site and identity and not job.ids_from_headers:
        study, images = (identity.patient, identity.study), site.frames(file.path, images)
    return study, [_slim(image, job) for image in images]


def _slim(image: Frame, job: Job) -> Frame:
    """Drop the pixels of what will not be stored in any case: it may be most of an archive."""
    return _without_pixels(image) if image.flaw or described(image.description, job.site).final else image


def _without_pixels(image: Frame) -> Frame:
    return replace(image, pixels=replace(image.pixels, data=b""))
