"""HTML from values: whatever is not markup already is escaped."""

from html import escape


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Return an element; `class_` is class, other underscores are hyphens; None attributes drop."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Return children one after another, escaped unless they are markup; None is nothing."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else escape(str(child))
            for child in children
            if child is not None
        )
    )


def table(
    head: tuple[str, ...], rows: list[tuple[object, ...]], *, caption: str, numbers: int = 1
) -> Markup:
    """Return a table: its first column names the row, its last `numbers` hold numbers."""
    first_number = len(head) - numbers

    def cell(name: str, place: int, value: object) -> Markup:
        scope = {"th": {"scope": "row"}, "td": {}}[name]
        return tag(name, value, class_="number" if place >= first_number else None, **scope)

    header = (
        tag("th", text, scope="col", class_="number" if place >= first_number else None)
        for place, text in enumerate(head)
    )
    body = (
        tag("tr", *(cell("td" if place else "th", place, value) for place, value in enumerate(row)))
        for row in rows
    )
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption, class_="unseen"),
            tag("thead", tag("tr", *header)),
            tag("tbody", *body),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )
