"""Schemas of the files for other programs, according to their specifications.

speedscope: `src/lib/file-format-spec.ts` of github.com/jlfwong/speedscope, from which its
https://www.speedscope.app/file-format-schema.json is generated. Perfetto reads the JSON of Chrome's "Trace Event
Format". The schema has only the events that akastats writes: complete events and metadata.
"""

from __future__ import annotations

_INTEGER = {"type": "integer", "minimum": 0}
_UNIT = {"enum": ["none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]}
_PROFILE = {
    "name": {"type": "string"},
    "unit": _UNIT,
    "startValue": {"type": "number"},
    "endValue": {"type": "number"},
}
_EVENT = {
    "type": "object",
    "required": ["type", "at", "frame"],
    "properties": {"type": {"enum": ["O", "C"]}, "at": {"type": "number"}, "frame": _INTEGER},
    "additionalProperties": False,
}

SPEEDSCOPE = {
    "type": "object",
    "required": ["$schema", "shared", "profiles"],
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "name": {"type": "string"},
        "exporter": {"type": "string"},
        "activeProfileIndex": {"type": "number"},
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "file": {"type": "string"},
                            "line": {"type": "number"},
                            "col": {"type": "number"},
                        },
                        "additionalProperties": False,
                    },
                }
            },
            "additionalProperties": False,
        },
        "profiles": {
            "type": "array",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": ["type", "name", "unit", "startValue", "endValue", "events"],
                        "properties": {
                            "type": {"const": "evented"},
                            **_PROFILE,
                            "events": {"type": "array", "items": _EVENT},
                        },
                        "additionalProperties": False,
                    },
                    {
                        "type": "object",
                        "required": ["type", "name", "unit", "startValue", "endValue", "samples", "weights"],
                        "properties": {
                            "type": {"const": "sampled"},
                            **_PROFILE,
                            "samples": {"type": "array", "items": {"type": "array", "items": _INTEGER}},
                            "weights": {"type": "array", "items": {"type": "number", "minimum": 0}},
                        },
                        "additionalProperties": False,
                    },
                ]
            },
        },
    },
    "additionalProperties": False,
}

_WITH_NAME = {"name": {"type": "string"}, "pid": _INTEGER, "tid": _INTEGER}

PERFETTO = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "traceEvents": {
            "type": "array",
            "items": {
                "oneOf": [
                    {
                        "type": "object",
                        "required": ["ph", "name", "cat", "pid", "tid", "ts", "dur"],
                        "properties": {
                            "ph": {"const": "X"},
                            **_WITH_NAME,
                            "cat": {"type": "string"},
                            "ts": _INTEGER,
                            "dur": _INTEGER,
                            "args": {"type": "object"},
                        },
                        "additionalProperties": False,
                    },
                    {
                        "type": "object",
                        "required": ["ph", "name", "pid", "tid", "args"],
                        "properties": {
                            "ph": {"const": "M"},
                            **_WITH_NAME,
                            "name": {"enum": ["process_name", "thread_name"]},
                            "args": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {"name": {"type": "string"}},
                            },
                        },
                        "additionalProperties": False,
                    },
                ]
            },
        },
    },
    "additionalProperties": False,
}
