"""Compose files and Kubernetes manifests, as PyYAML reads them: the sysctls of each container, and what it runs."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from listenwatch.configs.declared import (
    BadConfiguration,
    Declared,
    LibraryMissing,
    Origin,
    Where,
    number,
    read,
)
from listenwatch.linux.terminal import escape
from listenwatch.sockets.servers import server_of_image

_SOMAXCONN = "net.core.somaxconn"


def declared(path: Path) -> list[Declared]:
    """A listener for each container of a network namespace: of its server if the image is named after one that is known."""
    result = []
    for document in _documents(path):
        if isinstance(document.get("services"), dict):
            result += list(_of_compose(document["services"], path))
        elif "kind" in document:
            result += list(_of_manifest(document, path))
    if not result:
        raise BadConfiguration(f"{escape(str(path))}: neither services of a compose file nor containers of a Kubernetes manifest")
    return result


def _documents(path: Path) -> list[Mapping[str, Any]]:
    try:
        import yaml
    except ImportError:
        raise LibraryMissing("YAML is read by PyYAML: pip install 'listenwatch[check]'") from None
    try:
        documents = list(yaml.safe_load_all(read(path)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise BadConfiguration(f"{escape(str(path))}{line}: no YAML: {escape(problem)}") from None
    return [each for document in documents for each in _items(_mapping(document))]


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[Any, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _items(document: Mapping[str, Any]) -> list[Mapping[Any, Any]]:
    """A document, or what a List of Kubernetes holds."""
    return _mappings(document["items"]) if "items" in document else [document]


def _of_compose(services: Mapping[Any, Any], path: Path) -> Iterator[Declared]:
    for name, service in services.items():
        if isinstance(service, dict):
            sysctls = service.get("sysctls") or []
            pairs = list(sysctls.items()) if isinstance(sysctls, dict) else [str(each).partition("=")[::2] for each in _list(sysctls)]
            is_host = service.get("network_mode") == "host"
            yield _container(str(name), str(service.get("image") or name), pairs, path, is_host=is_host)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _of_manifest(document: Mapping[Any, Any], path: Path) -> Iterator[Declared]:
    """A pod, or what makes pods; its containers share a network namespace, and with it the sysctls."""
    spec = _mapping(document.get("spec"))
    for key in ("jobTemplate", "template"):  # of a CronJob both, of a Deployment and its like the second
        if key in spec:
            spec = _mapping(_mapping(spec[key]).get("spec"))
    sysctls = _mappings(_mapping(spec.get("securityContext")).get("sysctls"))
    pairs = [(each.get("name"), each.get("value")) for each in sysctls]
    for container in _mappings(spec.get("containers")):
        name, image = str(container.get("name", "")), str(container.get("image", ""))
        yield _container(name, image, pairs, path, is_host=bool(spec.get("hostNetwork")))


def _container(name: str, image: str, sysctls: Iterable[tuple[Any, Any]], path: Path, *, is_host: bool) -> Declared:
    where, somaxconn = Where(str(path)), None
    for key, value in sysctls:
        if key == _SOMAXCONN:
            somaxconn = number(str(value), where, _SOMAXCONN, 0, 2**31 - 1)
    server = server_of_image(image)
    backlog = server.default if server else None
    origin = Origin.UNKNOWN if backlog is None else Origin.DEFAULT
    return Declared(
        server.name if server else image, "tcp", name, None, backlog, origin, where, somaxconn=somaxconn,
        in_container=not is_host,
    )  # fmt: skip
