"""Parameters checked against botocore's own service models before anything is called."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from infra.local.provider.errors import InvalidParameter

INTEGERS = ("integer", "long")
FLOATS = ("float", "double")


def validated(shape: Shape, value: Any, where: str) -> Any:
    """Return `value` in the types of `shape` (Pulumi's numbers are floats on the wire).

    Raises InvalidParameter with every fault in it: wrong type, range, length, enumeration, a member
    that is missing or unknown.
    """
    faults: list[str] = []
    result = _convert(shape, value, where, faults)
    if faults:
        raise InvalidParameter("; ".join(faults))
    return result


def _convert(shape: Shape, value: Any, where: str, faults: list[str]) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, value, where, faults)
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            faults.append(f"{where}: a list is wanted, not {value!r}")
            return value
        faults.extend(_outside(shape, len(value), f"{where}: number of items"))
        return [_convert(shape.member, v, f"{where}[{i}]", faults) for i, v in enumerate(value)]
    if isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            faults.append(f"{where}: a map is wanted, not {value!r}")
            return value
        return {k: _convert(shape.value, v, f"{where}.{k}", faults) for k, v in value.items()}
    return _scalar(shape, value, where, faults)


def _structure(shape: StructureShape, value: Any, where: str, faults: list[str]) -> Any:
    if not isinstance(value, Mapping):
        faults.append(f"{where}: a structure is wanted, not {value!r}")
        return value
    faults.extend(
        f"{where}.{name} is required" for name in shape.required_members if name not in value
    )
    converted = {}
    for name, member in value.items():
        if name in shape.members:
            converted[name] = _convert(shape.members[name], member, f"{where}.{name}", faults)
        else:
            faults.append(f"{where}.{name} is no member of {shape.name}")
    return converted


def _scalar(shape: Shape, value: Any, where: str, faults: list[str]) -> Any:
    kind = shape.type_name
    if kind in INTEGERS:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            faults.append(f"{where}: a whole number is wanted, not {value!r}")
            return value
        faults.extend(_outside(shape, value, where))
        return int(value)
    if kind in FLOATS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            faults.append(f"{where}: a number is wanted, not {value!r}")
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            faults.append(f"{where}: true or false is wanted, not {value!r}")
        return value
    if isinstance(shape, StringShape):
        faults.extend(_string_faults(shape, value, where))
    return value


def _string_faults(shape: StringShape, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where}: a text is wanted, not {value!r}"
    elif shape.enum and value not in shape.enum:
        yield f"{where}: {value!r} is none of {', '.join(shape.enum)}"
    else:
        yield from _outside(shape, len(value), f"{where}: length")


def _outside(shape: Shape, size: float, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{what} is {size:g}, least is {least}"
    if most is not None and size > most:
        yield f"{what} is {size:g}, most is {most}"
