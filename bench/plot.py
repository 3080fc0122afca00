"""Line charts as plain SVG, both axes logarithmic."""
from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 300, 62, 16, 40, 46
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700")


@dataclass
class Line:
    label: str
    points: list[tuple[float, float]]


@dataclass
class Chart:
    title: str
    x_label: str
    y_label: str
    lines: list[Line]


def decades(values: list[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def number(power: int) -> str:
    value = 10.0**power
    return f"{value:,.0f}" if power >= 0 else f"{value:g}"


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" {more}>{words}</text>'


def draw(chart: Chart, x0: int) -> list[str]:
    xs = [x for line in chart.lines for x, _ in line.points]
    ys = [max(y, 1e-3) for line in chart.lines for _, y in line.points]
    (x_low, x_high), (y_low, y_high) = decades(xs), decades(ys)
    inner_w, inner_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def px(x: float) -> float:
        return x0 + LEFT + inner_w * (math.log10(x) - x_low) / (x_high - x_low)

    def py(y: float) -> float:
        return TOP + inner_h * (1 - (math.log10(max(y, 1e-3)) - y_low) / (y_high - y_low))

    out = [text(x0 + WIDTH / 2, 18, chart.title, 'text-anchor="middle" font-weight="bold"')]
    for power in range(x_low, x_high + 1):
        x = px(10.0**power)
        out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{TOP + inner_h}" stroke="#ddd"/>')
        out.append(text(x, TOP + inner_h + 15, number(power), 'text-anchor="middle"'))
    for power in range(y_low, y_high + 1):
        y = py(10.0**power)
        out.append(f'<line x1="{x0 + LEFT}" y1="{y:.1f}" x2="{x0 + LEFT + inner_w}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(text(x0 + LEFT - 5, y + 4, number(power), 'text-anchor="end"'))
    out.append(text(x0 + LEFT + inner_w / 2, HEIGHT - 8, chart.x_label, 'text-anchor="middle"'))
    out.append(text(x0 + LEFT, TOP - 6, chart.y_label))
    for i, line in enumerate(chart.lines):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in line.points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>' for x, y in line.points]
        out.append(text(x0 + LEFT + 8, TOP + 14 + 14 * i, line.label, f'fill="{colour}"'))
    return out


def write(path: Path, charts: list[Chart]) -> None:
    """One next to the other."""
    width = WIDTH * len(charts)
    body = [line for i, chart in enumerate(charts) for line in draw(chart, i * WIDTH)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">'
    )
    background = f'<rect width="{width}" height="{HEIGHT}" fill="white"/>'
    path.write_text("\n".join([head, background, *body, "</svg>", ""]), encoding="utf-8")
