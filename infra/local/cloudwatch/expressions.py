"""Metric math, as far as alarms use it: a pure function of an expression and its series.

CloudWatch user guide, "Using math expressions with CloudWatch metrics". Supported: numbers, ids,
+ - * /, comparisons (1 or 0), AND, OR, IF, FILL, ABS, MAX, MIN, SUM, AVG over several series, and
PERIOD. Anything else is refused when the alarm is put, not when it is needed.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any, Final

Series = list[float | None]
"""One value a period, newest last; None where there is none."""
Values = Mapping[str, Sequence[float | None]]

_OPERATORS: Final[Mapping[type[Any], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: lambda one, other: bool(one) and bool(other),
    ast.Or: lambda one, other: bool(one) or bool(other),
}
_OVER_SERIES: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "MAX": max,
    "MIN": min,
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
}
_FUNCTIONS: Final = (*_OVER_SERIES, "ABS", "FILL", "IF", "PERIOD")
_WORDS: Final = (("&&", " and "), ("||", " or "))


class ExpressionError(ValueError):
    """An expression that is not metric math, or not what the local AWS evaluates of it."""


def parse(expression: str) -> ast.expr:
    """Return the expression's tree. Raises ExpressionError, in one sentence."""
    text = expression
    for symbol, word in _WORDS:
        text = text.replace(symbol, word)
    text = re.sub(r"\b(AND|OR)\b", lambda found: found[0].lower(), text)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ExpressionError(f"{expression!r} is not an expression") from error
    _check(tree, expression)
    return tree


def names(tree: ast.expr) -> set[str]:
    """Return the ids of the queries that an expression reads."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    words = {
        id(argument)
        for node in ast.walk(tree)
        if _is_call(node, "FILL")
        for argument in node.args[1:]  # type: ignore[attr-defined]
    }
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and id(node) not in called and id(node) not in words
    }


def evaluate(tree: ast.expr, values: Values, *, length: int, period_seconds: int) -> Series:
    """Return the expression's value for each of `length` periods.

    An operator with a missing operand gives a missing value, and so does a division by zero; a
    function over several series takes those that have a value.
    """

    def of(part: ast.expr) -> Series:
        return evaluate(part, values, length=length, period_seconds=period_seconds)

    match tree:
        case ast.Constant(value=int() | float() as number):
            series: Series = [float(number)] * length
        case ast.Name(id=name):
            series = list(values[name])
        case ast.UnaryOp(operand=operand):
            series = [None if value is None else -value for value in of(operand)]
        case ast.BinOp(op=symbol, left=left, right=right):
            series = _pairwise(symbol, of(left), of(right))
        case ast.Compare(ops=[symbol], left=left, comparators=[right]):
            series = _pairwise(symbol, of(left), of(right))
        case ast.BoolOp(op=symbol, values=parts):
            series = reduce(partial(_pairwise, symbol), map(of, parts))
        case ast.Call(func=ast.Name(id="PERIOD")):
            series = [float(period_seconds)] * length
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, by]):
            series = _fill(of(filled), by)
        case ast.Call():
            series = _call(_name(tree), [of(part) for part in _arguments(tree)])
        case _:
            raise _refused(ast.unparse(tree), ast.unparse(tree))
    return series


def _pairwise(symbol: Any, one: Series, other: Series) -> Series:
    apply = _OPERATORS[type(symbol)]
    return [
        None if a is None or b is None or (b == 0 and apply is operator.truediv) else +apply(a, b)
        for a, b in zip(one, other, strict=True)
    ]


def _call(name: str, arguments: list[Series]) -> Series:
    if name == "IF":
        return [
            None if condition is None else (yes if condition else no)
            for condition, yes, no in zip(*arguments, strict=True)
        ]
    if name == "ABS":
        return [None if value is None else abs(value) for value in arguments[0]]
    over = _OVER_SERIES[name]
    periods = ([v for v in period if v is not None] for period in zip(*arguments, strict=True))
    return [over(period) if period else None for period in periods]


def _fill(series: Series, by: ast.expr) -> Series:
    if isinstance(by, ast.Name):
        filled: Series = []
        for value in series:
            filled.append(value if value is not None or not filled else filled[-1])
        return filled
    number = float(ast.literal_eval(by))
    return [number if value is None else value for value in series]


def _arguments(tree: ast.Call) -> list[ast.expr]:
    """Return what a function is applied to; MAX, MIN, SUM and AVG take theirs in brackets."""
    first = tree.args[0]
    return first.elts if isinstance(first, ast.List) else tree.args


def _check(tree: ast.expr, expression: str) -> None:
    """Raise ExpressionError unless all of the tree is what `evaluate` knows."""
    children: Sequence[ast.expr] = ()
    match tree:
        case ast.Constant(value=int() | float()) | ast.Name():
            pass
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            children = [operand]
        case ast.BinOp(op=symbol, left=left, right=right) if type(symbol) in _OPERATORS:
            children = [left, right]
        case ast.Compare(ops=[symbol], left=left, comparators=[right]) if (
            type(symbol) in _OPERATORS
        ):
            children = [left, right]
        case ast.BoolOp(values=parts):
            children = parts
        case ast.Call(args=[_, *_] as arguments, keywords=[]) if _name(tree) in _FUNCTIONS:
            children = _checked_arguments(tree, arguments, expression)
        case _:
            raise _refused(ast.unparse(tree), expression)
    for child in children:
        _check(child, expression)


def _checked_arguments(
    tree: ast.Call, arguments: Sequence[ast.expr], expression: str
) -> Sequence[ast.expr]:
    name = _name(tree)
    if name == "FILL":
        match arguments:
            case [series, ast.Name(id="REPEAT")]:
                return [series]
            case [series, number] if _is_number(number):
                return [series]
    elif name in _OVER_SERIES:
        if isinstance(arguments[0], ast.List) and len(arguments) == 1 and arguments[0].elts:
            return arguments[0].elts
    elif len(arguments) == (3 if name == "IF" else 1):
        return arguments
    raise _refused(ast.unparse(tree), expression)


def _is_number(tree: ast.expr) -> bool:
    bare = tree.operand if isinstance(tree, ast.UnaryOp) else tree
    return isinstance(bare, ast.Constant) and isinstance(bare.value, int | float)


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and _name(node) == name


def _name(tree: ast.Call) -> str:
    return tree.func.id if isinstance(tree.func, ast.Name) else ""


def _refused(part: str, expression: str) -> ExpressionError:
    return ExpressionError(
        f"{part!r} of {expression!r} is not evaluated here: numbers, ids, + - * /, comparisons,"
        f" AND, OR, {', '.join(_FUNCTIONS)} are (MAX, MIN, SUM and AVG over a list in brackets)"
    )
