/* index.html: what a file shows, what its network gives back, and the difference. index.html?src=photo.jpg opens it;
   &shader=never decodes by WebAssembly, &shader=always by WebGL 2 even without a GPU. */
import { p3Context, restored } from './wide-img.mjs';

const at = id => document.getElementById(id);
const picture = at('picture'), p3 = p3Context(picture), context = p3 ?? picture.getContext('2d');
const imageOf = (data, { width, height }) => new ImageData(data, width, height, { colorSpace: 'display-p3' });
const asked = new URLSearchParams(location.search);
let shown = null, turn = 0;

function difference({ base, wide }) {
    const data = new Uint8ClampedArray(base.length).fill(255);
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) data[i] = 4 * Math.abs(wide[i] - base[i]);
    return data;
}

function draw() {
    if (!shown) return;
    const { width, height } = shown, view = shown.images.wide ? at('view').value : 'base';
    at('split').disabled = view !== 'split';
    if (view === 'difference') shown.images.difference ??= imageOf(difference(shown), shown);
    if (view !== 'split') return context.putImageData(shown.images[view], 0, 0);
    const x = Math.round(at('split').value / 1000 * width);
    context.putImageData(shown.images.base, 0, 0, 0, 0, x, height);
    context.putImageData(shown.images.wide, 0, 0, x, 0, width - x, height);
}

/* Counts of the codes in Display P3: filled those recovered, a line those of the file. */
function drawHistogram(canvas, [base, wide]) {
    const c = canvas.getContext('2d'), w = canvas.width, h = canvas.height;
    const counts = [base, wide].filter(a => a).flatMap(a => Array.from(a));
    const most = Math.sqrt(Math.max(...counts)); // square roots show few, too
    const path = (of, k) => {
        c.beginPath();
        for (let i = 0; i < 256; i++) c.lineTo(i / 255 * w, h - Math.sqrt(of[256 * k + i]) / most * (h - 8));
    };
    c.clearRect(0, 0, w, h);
    ['#e33', '#3c3', '#46f'].forEach((colour, k) => {
        if (wide) {
            path(wide, k);
            c.lineTo(w, h);
            c.lineTo(0, h);
            c.globalAlpha = 0.45;
            c.fillStyle = colour;
            c.fill();
        }
        path(base, k);
        c.globalAlpha = 1;
        c.strokeStyle = colour;
        c.lineWidth = 2;
        c.stroke();
    });
}

/* CIE 1931 x and y, with gamuts around it. */
const GAMUTS = {
    sRGB: [[0.64, 0.33], [0.3, 0.6], [0.15, 0.06]],
    'Display P3': [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06]],
    'Rec. 2020': [[0.708, 0.292], [0.17, 0.797], [0.131, 0.046]],
};
function drawChromaticity(canvas, [base, wide]) {
    const c = canvas.getContext('2d'), w = canvas.width, h = canvas.height;
    const place = (x, y) => [x / 0.8 * w, h - y / 0.85 * h];
    c.clearRect(0, 0, w, h);
    for (const [points, colour] of [[wide, '#fa3'], [base, '#4cf']]) {
        if (!points) continue;
        c.fillStyle = colour;
        c.globalAlpha = 0.5;
        for (let i = 0; i < points.length; i += 2) c.fillRect(...place(points[i], points[i + 1]), 2, 2);
    }
    c.globalAlpha = 1;
    c.font = '20px system-ui, sans-serif';
    for (const [name, corners] of Object.entries(GAMUTS)) {
        c.beginPath();
        for (const corner of corners) c.lineTo(...place(...corner));
        c.closePath();
        c.strokeStyle = c.fillStyle = '#aaa';
        c.stroke();
        c.fillText(name, ...place(corners[1][0] + 0.01, corners[1][1]));
    }
    c.fillStyle = '#4cf';
    c.fillText('file', w - 120, 40);
    c.fillStyle = '#fa3';
    if (wide) c.fillText('recovered', w - 120, 66);
}

function describe(made) {
    const a = made.about, rows = { Pixels: `${made.width} x ${made.height}` };
    if (a) {
        rows.Network = a.method === 'none' ? 'none was needed'
                                           : `${a.method}, 2 layers of ${a.neurons}, ${a.bytes} bytes`;
        rows.Original = a.space;
        rows.Base = a.base !== 'sycc' ? a.base : a.codes === 'sycc' ? 'sycc, from the JPEG\'s own Y\'CbCr'
                                                                    : 'sycc, clipped to RGB';
        rows['Decoded by'] = a.shader ? 'WebGL 2' : 'WebAssembly';
        if (a.contentMax > 1) rows.HDR = `to ${a.contentMax.toFixed(1)} times white; shown up to white`;
    }
    rows.Canvas = p3 ? `Display P3${matchMedia('(color-gamut: p3)').matches ? '' : ', on a display that has less'}`
                     : 'sRGB: this browser has no canvas in Display P3';
    at('about').replaceChildren(...Object.entries(rows).flatMap(([name, text]) => {
        const dt = document.createElement('dt'), dd = document.createElement('dd');
        dt.textContent = name;
        dd.textContent = text;
        return [dt, dd];
    }));
}

export async function open(file) {
    const mine = ++turn;
    at('note').textContent = 'decoding ...';
    try {
        const made = await restored(file, { measure: true, shader: asked.get('shader') ?? 'auto' });
        if (mine !== turn) return;
        picture.width = made.width;
        picture.height = made.height;
        shown = { ...made, images: { base: imageOf(made.base, made), wide: made.wide && imageOf(made.wide, made) } };
        draw();
        drawHistogram(at('histogram'), made.histogram);
        drawChromaticity(at('chromaticity'), made.points);
        describe(made);
        at('note').textContent = made.note;
    } catch (e) {
        if (mine === turn) at('note').textContent = `${file.name ?? 'the file'}: ${e.message}`;
    }
    document.dispatchEvent(new Event('shown'));
}

at('file').onchange = e => { if (e.target.files[0]) open(e.target.files[0]); };
at('view').onchange = at('split').oninput = draw;
document.ondragover = e => { e.preventDefault(); document.body.classList.add('over'); };
document.ondragleave = () => document.body.classList.remove('over');
document.ondrop = e => {
    e.preventDefault();
    document.body.classList.remove('over');
    if (e.dataTransfer.files[0]) open(e.dataTransfer.files[0]);
};
const src = asked.get('src');
if (src) {
    const answer = await fetch(src);
    if (answer.ok) open(new File([await answer.blob()], src));
    else at('note').textContent = `${src}: ${answer.status} ${answer.statusText}`;
}
