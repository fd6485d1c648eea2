"""A student's files: hand one out, mark them and keep the points; and prove the exercises themselves."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from listenwatch.errors import UsageError
from listenwatch.labs.catalogue import Exercise
from listenwatch.labs.grading import Grade, Grader
from listenwatch.labs.progress import Progress
from listenwatch.linux.person import as_person
from listenwatch.linux.terminal import say


def hand_out(exercise: Exercise, folder: Path) -> Path:
    """Copy the starter into a folder and return the student's file; one that is there stays as it is.

    Under sudo it is the student who makes them. No symbolic link is followed, as the folder or as the file.
    """
    file, starter = folder / exercise.file_name, exercise.starter.read_bytes()
    if folder.is_symlink():
        raise UsageError(f"{folder} is a symbolic link, which is not followed: name the folder itself")
    try:
        with as_person():
            folder.mkdir(parents=True, exist_ok=True)
            if not _create(folder, file.name, starter):
                say(f"{file} is there already and is left as it is")
    except OSError as error:
        raise UsageError(f"{file} cannot be made ({error.strerror}): name a folder of yours") from None
    return file


def _create(folder: Path, name: str, content: bytes) -> bool:
    """A new file; False, and nothing done, where there is anything of that name."""
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=place)
    except FileExistsError:
        return False
    finally:
        os.close(place)
    with os.fdopen(made, "wb") as stream:
        stream.write(content)
    return True


def student_file(exercise: Exercise, named: str | None) -> Path | None:
    """The file named on the command line, or where ``hand_out`` puts it by default; None if there is none."""
    if named is None:
        usual = Path(exercise.name, exercise.file_name), Path(exercise.file_name)
        return next((path for path in usual if path.is_file()), None)
    if Path(named).is_file():
        return Path(named)
    raise UsageError(f"no file {named!r}")


def mark(grader: Grader, files: Iterable[tuple[Exercise, Path | None]]) -> Iterator[Grade]:
    """Grade each file in turn, and keep the best points of each exercise."""
    progress = Progress()
    for exercise, file in files:
        if file is None:
            yield Grade(exercise, error=f"not begun: listenwatch lab start {exercise.number}")
            continue
        grade = grader.check(exercise, file)
        if not grade.skip:
            before = progress.of(exercise.name)
            best = max(grade.points, before.get("points", 0))
            passed = grade.passed or before.get("passed", False)
            progress.note(exercise.name, points=best, most=grade.most, passed=passed)
        yield grade


class Proof(NamedTuple):
    """The grade of a file of an exercise's own, and whether it is what that file has to get."""

    file: Path
    grade: Grade
    right: bool


def prove(grader: Grader, exercises: Iterable[Exercise]) -> Iterator[Proof]:
    """Every starter and cheat has to fail, every solution to pass; one skip ends that exercise."""
    for exercise in exercises:
        for file in (exercise.starter, *exercise.cheats, exercise.solution):
            grade = grader.check(exercise, file)
            has_to_pass = file == exercise.solution
            right = bool(grade.goals) and grade.passed == has_to_pass
            yield Proof(file, grade, bool(grade.skip) or right)
            if grade.skip:
                break
