"""What a line holds of a call: the one declaration. cattrs reads and writes by it, schemas/call-3.json is made from it.

``KEYS`` are the keys in the order of a line, ``STRUCTS`` those of the objects inside. A form says how a
value stands in JSON; the range of a plain number is that of its member in the record's layout.
"""

from collections.abc import Callable
from typing import Any

import attrs
from cattrs import Converter, gen, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.fns import identity
from cattrs.gen import override

from listenwatch.call import forms
from listenwatch.call.forms import SCHEMA, STAGE_NAMES, Form, Schema, names_of_bits, whole_number
from listenwatch.call.layout import LISTEN_EVENT, LISTEN_SOCKET, LISTEN_STAGE, Rows, members
from listenwatch.call.record import Flag, ListenCall, StageRecord
from listenwatch.call.unseen import FIELDS, seen_without, unseen_fields
from listenwatch.linux.cgroup_owner import Container, Pod
from listenwatch.model.inputs import Bound, EntryPath, Environment, Family, Socket
from listenwatch.model.socket_h import VSOCK


def _numbers(rows: Rows) -> dict[str, Form]:
    """The plain numbers of a struct by name, in its order."""
    return {
        member.name: whole_number(member.type)
        for member in members(rows)
        if member.length is None and not member.is_padding
    }


def _with_states(numbers: dict[str, Form]) -> dict[str, Form]:
    """The same with states by name, without ``seen``: what was not seen is not written."""
    states = {"state": _STATE, "socket_state": _SOCKET_STATE, "subflow_state": _STATE}
    later = {name: numbers[name].or_missing() for name in _LATER if name in numbers}
    return {name: {**states, **later}.get(name, form) for name, form in numbers.items() if name != "seen"}


def _or_unseen(keys: dict[str, Form]) -> dict[str, Form]:
    """The same with null for what could not be seen of a socket."""
    hidden = {name: keys[name].or_null(0) for names in FIELDS.values() for name in names if not keys[name].optional}
    return {name: hidden.get(name, form) for name, form in keys.items()}


_LATER = ("subflow_local_port", "source_port")
"""Of a socket, what older recordings do not have."""
_STATE = forms.name_or_number(forms.STATES, "u8").described("sk_state (include/net/tcp_states.h)")
_SOCKET_STATE = forms.name_or_number(forms.SOCKET_STATES, "u8").described("sock->state; 255: no struct socket")
_EVENT = _numbers(LISTEN_EVENT)

STRUCTS: dict[type, dict[str, Form]] = {
    Environment: {name: form for name, form in _EVENT.items() if name in Environment._fields},
    Socket: _or_unseen(_with_states(_numbers(LISTEN_SOCKET))),
    StageRecord: _with_states(_numbers(LISTEN_STAGE)),
    Container: {"runtime": forms.WORD_IF_KNOWN, "id": forms.WORD, "name": forms.WORD_IF_KNOWN},
    Pod: {"id": forms.WORD, "name": forms.WORD_IF_KNOWN, "namespace": forms.WORD_IF_KNOWN._replace(optional=True)},
}
"""Each struct's keys, which are its attributes, in the order of a line."""

_converter = Converter(detailed_validation=True)


def _register(kind: type, keys: dict[str, Form], attributes: dict[str, str], *, strict: bool) -> None:
    """Have cattrs read and write a NamedTuple by these keys; ``attributes`` names those called otherwise."""
    forms = {key: form for key, form in keys.items() if form.read}
    names = {key: attributes.get(key, key) for key in forms}
    reading: dict[str, Any] = {key: override(struct_hook=form.read) for key, form in forms.items()}
    by_key = attrs.make_class(kind.__name__, {
        key: attrs.field(alias=names[key], default=form.missing if form.optional else attrs.NOTHING)
        for key, form in forms.items()
    }, kw_only=True)  # fmt: skip
    reader: Callable[[Any, Any], Any] = gen.make_dict_structure_fn_from_attrs(
        list(attrs.fields(by_key)), kind, _converter, _cattrs_forbid_extra_keys=strict, **reading
    )
    _converter.register_structure_hook(kind, reader)
    writing: dict[str, Any] = {
        names[key]: override(rename=key, unstruct_hook=form.write or identity) for key, form in forms.items()
    }
    by_attribute = attrs.make_class(kind.__name__, list(writing))
    writer: Callable[[Any], dict[str, Any]] = gen.make_dict_unstructure_fn_from_attrs(
        list(attrs.fields(by_attribute)), kind, _converter, **writing
    )
    _converter.register_unstructure_hook(kind, writer)


def _hooks(kind: Any) -> tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]:
    """What reads and what writes a registered kind."""
    return _converter.get_structure_hook(kind), _converter.get_unstructure_hook(kind)


for _kind, _forms in STRUCTS.items():
    _register(_kind, _forms, {}, strict=True)


def _reference(kind: type) -> Schema:
    return {"$ref": f"#/$defs/{kind.__name__}"}


_read_socket, _write_socket = _hooks(Socket)
_read_stages = _hooks(dict[str, StageRecord])[0]
_write_stage = _hooks(StageRecord)[1]
_NO_SYSCTLS = Environment(*[0] * len(Environment._fields))
_NOTHING = Socket(*[0] * len(Socket._fields))


def _read_seen(value: Any, kind: type) -> Socket:
    """A socket; null is a field that could not be seen."""
    sock: Socket = _read_socket(value, kind)
    hidden = frozenset(name for name, known in value.items() if known is None and name not in _LATER)
    if not hidden:
        return sock
    sock = sock._replace(seen=seen_without(hidden))
    return sock._replace(**dict.fromkeys(unseen_fields(sock), 0))


def _write_seen(sock: Socket) -> Any:
    if not sock.seen:
        return None
    fields = _write_socket(sock)
    return fields if sock.seen == 1 else fields | dict.fromkeys(unseen_fields(sock))


_SOCKET = Form(_reference(Socket), _read_seen, _write_seen).or_null(_NOTHING)
_STAGE_NUMBERS = {name: number for number, name in STAGE_NAMES.items()}


def _stages_by_number(value: Any, kind: type) -> dict[int, StageRecord]:
    if strange := sorted(set(value) - set(_STAGE_NUMBERS)):
        raise ValueError(f"no stage: {', '.join(strange)}")
    return {_STAGE_NUMBERS[name]: stage for name, stage in _read_stages(value, kind).items()}


_STAGES = Form(
    {
        "type": "object",
        "properties": dict.fromkeys(_STAGE_NUMBERS, _reference(StageRecord)),
        "additionalProperties": False,
    },
    _stages_by_number,
    lambda stages: {STAGE_NAMES[index]: _write_stage(stage) for index, stage in stages.items()},
)
def _plain(*names: str) -> dict[str, Form]:
    return {name: _EVENT[name] for name in names}


_NAME_OR_NULL = forms.TEXT.or_null()
SOMAXCONN_AFTER = "somaxconn_after"


def _object_if_any(kind: type) -> Form:
    """A struct, or null."""
    read, write = _hooks(kind)
    return Form(_reference(kind), read, lambda value: None if value is None else write(value)).or_missing()


_OWNERS = {
    "unit": forms.WORD.or_missing().described("the systemd unit of the caller; null: none, or not known"),
    "container": _object_if_any(Container),
    "pod": _object_if_any(Pod),
}
"""Whose the call was, which is no part of the probe's record."""
OPTIONAL = (SOMAXCONN_AFTER, *_OWNERS, "repeats")
"""Keys that came within a schema: a line that was written before has none of them."""

KEYS: dict[str, Form] = {
    "schema": Form({"const": SCHEMA}),
    "time": forms.TIME,
    **_plain("duration_ns", "pid", "tid", "uid"),
    "comm": forms.COMM,
    "door": forms.choice(EntryPath),
    **dict.fromkeys(("family", "type", "protocol", "local"), _NAME_OR_NULL),
    "port": Form(whole_number("u16").or_null().schema).described("the local port, at the return or else before"),
    **_plain("fd"),
    "asked": _EVENT["backlog"].or_null(0),
    "somaxconn": Form(_EVENT["somaxconn"].or_null().schema),
    "stored": Form(whole_number("u32").or_null().schema),
    "result": _EVENT["result"].or_null(0),
    "errno": _NAME_OR_NULL,
    "environment": Form(_reference(Environment), *_hooks(Environment)).or_null(_NO_SYSCTLS),
    SOMAXCONN_AFTER: _EVENT[SOMAXCONN_AFTER].or_null(0).described("the sysctl at the return; recordings made before have none"),
    "pre": _SOCKET,
    "stages": _STAGES,
    "post": _SOCKET,
    "watched": names_of_bits({name: 1 << number for number, name in STAGE_NAMES.items()}),
    "flags": names_of_bits({flag.name.lower(): flag for flag in Flag}),
    "address": forms.HEX,
    "netns": _EVENT["netns_inode"],
    **_plain("netns_cookie", "socket_cookie", "cgroup_id"),
    **_OWNERS,
    "repeats": whole_number("u64", least=1)._replace(optional=True, missing=1).described(
        "how many calls the line is of, all but whose time and duration is the same: of the first"
    ),
}
"""Every key of a call, in the order of a line."""
_ATTRIBUTES = {"time": "time_ns", "door": "entry_path", "asked": "backlog", "watched": "hooks", "netns": "netns_inode"}
_register(ListenCall, KEYS, _ATTRIBUTES, strict=False)
_read_call, _write_call = _hooks(ListenCall)
_IN_ORDER = dict.fromkeys(KEYS)
_ADDRESS_SIZES = {int(Family.INET): (4,), int(Family.INET6): (16,), VSOCK: (0, 8)}


def write_call(call: ListenCall, derived: dict[str, Any]) -> dict[str, Any]:
    """All keys of a call, ``derived`` being those that are not simply an attribute."""
    return {**_IN_ORDER, **_write_call(call), **derived}


def read_call(line: dict[str, Any]) -> ListenCall:
    """The call in a line; ValueError says what is wrong and where."""
    try:
        call: ListenCall = _read_call(line if SOMAXCONN_AFTER in line else _completed(line), ListenCall)
    except Exception as error:  # an ExceptionGroup of whatever the readers raise
        raise ValueError(transform_error(error, format_exception=_what)[0]) from None
    sizes = _ADDRESS_SIZES.get(call.post.family if call.post.seen else 0, range(109))
    if len(call.address) not in sizes:
        raise ValueError(f"an address of {len(call.address)} bytes @ $.address")
    if line.get("environment") is None and not call.flags & Flag.SYSCTLS_UNSEEN:
        raise ValueError("null, and no flag says why @ $.environment")
    return _of_older_recording(call) if call.pre.source_port is None else call


def _of_older_recording(call: ListenCall) -> ListenCall:
    """Where no AF_VSOCK socket's address was read, and none was called bound."""
    if call.pre.family != VSOCK:
        return call
    pre, post = (sock._replace(bound=int(Bound.UNKNOWN)) for sock in (call.pre, call.post))
    return call._replace(pre=pre, post=post)


def _completed(line: dict[str, Any]) -> dict[str, Any]:
    environment = line.get("environment")
    before = environment.get("somaxconn") if isinstance(environment, dict) else None
    return {**line, SOMAXCONN_AFTER: before}


def _what(error: BaseException, _: type | None) -> str:
    if isinstance(error, KeyError):
        return f"missing: {error}"
    if isinstance(error, ForbiddenExtraKeysError):
        return f"not a key: {', '.join(sorted(error.extra_fields))}"
    return str(error)
