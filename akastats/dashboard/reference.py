"""Render the API's reference as one HTML page from its OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote


def render(document: Mapping[str, Any]) -> str:
    """Return the content of the page: operations by tag, then schemas."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    schemas = document["components"]["schemas"]
    sections = [_section(tag, tag.capitalize(), operations) for tag, operations in by_tag.items()]
    sections.append(_section("schemas", "Schemas", [_schema(name, each) for name, each in schemas.items()]))
    links = [*by_tag, "schemas"]
    contents = "".join(f'<a href="#{escape(each)}">{escape(each.capitalize())}</a>' for each in links)
    return f'<nav class="contents" aria-label="On this page">{contents}</nav>{"".join(sections)}'


def _section(id_: str, title: str, items: Iterable[str]) -> str:
    head = f'<div class="headline"><h2>{escape(title)}</h2></div>'
    return f'<section id="{escape(id_)}">{head}{"".join(items)}</section>'


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    description = operation.get("description", "")
    first, *rest = description.split("\n\n")
    head = f"<code><b>{method.upper()}</b> {escape(path)}</code> <span class='note'>{_text(first)}</span>"
    parts = [
        *(f"<p>{_text(each)}</p>" for each in rest),
        _parameters(operation.get("parameters", [])),
        _body(operation.get("requestBody")),
        _responses(operation["responses"]),
        f"<pre tabindex='0'><code>{escape(curl(method, path, operation))}</code></pre>",
    ]
    return _details(operation["operationId"], head, "".join(parts))


def _details(id_: str, head: str, body: str) -> str:
    return (
        f'<details class="failure reference" id="{escape(id_)}"><summary>'
        f'<span class="subject">{head}</span></summary><div class="body">{body}</div></details>'
    )


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (f"<code>{escape(each['name'])}</code>", each["in"], *_type_and_description(each["schema"], each))
        for each in parameters
    ]
    return _table("Parameters", ("Parameter", "In", "Type", "Meaning", "Example"), rows)


def _body(body: Mapping[str, Any] | None) -> str:
    if body is None:
        return ""
    schema = body["content"]["application/json"]["schema"]
    rows = [
        (f"<code>{escape(name)}</code>", *_type_and_description(field, field))
        for name, field in schema.get("properties", {}).items()
    ]
    intro = f"<p>Body, as JSON: {_text(body.get('description', ''))}, {_type(schema)}.</p>"
    return intro + _table("Fields of the body", ("Field", "Type", "Meaning", "Example"), rows)


def _responses(responses: Mapping[str, Any]) -> str:
    rows = [
        (escape(status), _type_of_response(response), _text(response["description"]))
        for status, response in responses.items()
    ]
    return _table("Responses", ("Status", "Type", "Meaning"), rows)


def _type_of_response(response: Mapping[str, Any]) -> str:
    kinds = [
        f"<code>{escape(kind)}</code> {_type(content.get('schema', {}))}"
        for kind, content in response.get("content", {}).items()
    ]
    return ", ".join(kinds)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    rows = [
        (f"<code>{escape(field)}</code>", *_type_and_description(content, content))
        for field, content in schema["properties"].items()
    ]
    head = f"<code><b>{escape(name)}</b></code> <span class='note'>{_text(schema.get('description', ''))}</span>"
    return _details(f"schema-{name}", head, _table(name, ("Field", "Type", "Meaning", "Example"), rows))


def _type_and_description(schema: Mapping[str, Any], parent: Mapping[str, Any]) -> tuple[str, str, str]:
    examples = schema.get("examples") or parent.get("examples") or ()
    example = f"<code>{escape(json.dumps(examples[0], ensure_ascii=False))}</code>" if examples else ""
    return _type(schema), _text(parent.get("description", "")), example


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a schema as HTML, with links to the schemas that it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{escape(name)}">{escape(name)}</a>'
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(dict.fromkeys(map(_type, schema[word])))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    inner = schema.get("additionalProperties")
    if kind == "object" and isinstance(inner, dict) and inner:
        return f"object of {_type(inner)}"
    return escape(kind) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    names = {"minimum": "from", "maximum": "to", "minLength": "at least", "maxLength": "at most"}
    bounds = [f"{word} {schema[name]:g}" for name, word in names.items() if name in schema]
    return f" ({', '.join(bounds)})" if bounds else ""


def _table(caption: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="frame" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f'<caption class="visually-hidden">{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _text(text: str) -> str:
    """Return text as HTML, with `<code>` for parts in backquotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def curl(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return a `curl` command that calls an operation on this machine, with the examples of its parameters."""
    url = f"http://127.0.0.1:8321{path}"
    for each in operation.get("parameters", []):
        if each["in"] == "path":
            example = str((each["schema"].get("examples") or each.get("examples"))[0])
            url = url.replace("{" + each["name"] + "}", quote(example, safe="/:"))
    verb = "" if method == "get" else f"-X {method.upper()} "
    return " \\\n  ".join([f"curl {verb}'{url}'", *_data(operation.get("requestBody"))])


def _data(body: Mapping[str, Any] | None) -> Iterator[str]:
    if body is not None:
        schema = body["content"]["application/json"]["schema"]
        fields = {name: field["examples"][0] for name, field in schema.get("properties", {}).items()}
        example = json.dumps(fields or schema["examples"][0])
        yield "-H 'Content-Type: application/json'"
        yield f"-d {_quote(example)}"


def _quote(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"
