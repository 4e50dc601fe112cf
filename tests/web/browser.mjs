// The page, its worker and <wide-img> in Chromium without a window: browser.mjs CHROMIUM FOLDER-OF-THE-MODULE TOOL FOLDER.
// FOLDER has scene.png and large.png. What canvases hold comes back by POST.
import assert from 'node:assert';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readPng } from './png.mjs';

const [chromium, folder, tool, scratch] = process.argv.slice(2);
const at = name => join(scratch, name);
const run = (...args) => execFileSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
run('encode', at('scene.png'), at('demo.png'), '--from', 'prophoto', '--iterations', '40');
run('encode', at('large.png'), at('many.png'), '--from', 'prophoto', '--iterations', '5');
run('encode', at('scene.png'), at('demo.jpg'), '--from', 'prophoto', '--iterations', '40', '--base', 'sycc');
run('encode', at('scene.png'), at('rgb.jpg'), '--from', 'prophoto', '--iterations', '40', '--base', 'srgb');
const turned = at('turned.jpg'), jpeg = readFileSync(at('rgb.jpg'));
writeFileSync(turned, Buffer.concat([jpeg.subarray(0, 2), // EXIF, of orientation 3: upside down
    Buffer.from('ffe10022457869660000' + '49492a0008000000' + '0100' + '120103000100000003000000' + '00000000', 'hex'), jpeg.subarray(2)]));
run('strip', at('demo.png'), at('plain.png'));
run('hdr-encode', at('plain.png'), at('scene.png'), at('hdr.png'), '--from-hdr', 'rec2020hlg', '--iterations', '20');
for (const name of ['demo.png', 'many.png', 'demo.jpg', 'rgb.jpg']) run('decode', at(name), at(`${name}.wide.png`));

/* Runs in the browser. */
async function inBrowser() {
    const post = (name, data) => fetch(`/result/${name}`, { method: 'POST', body: data });
    const p3 = { colorSpace: 'display-p3' };
    const pixels = canvas => canvas.getContext('2d', p3).getImageData(0, 0, canvas.width, canvas.height, p3).data;
    try {
        const { default: load } = await import('/gamutmlp.mjs');
        const { opened } = await import('/restore.mjs');
        const { open } = await import('/shader.mjs');
        const g = await load(), shader = await open(g, true), light = 'prophoto-linear';
        await post('shader', `${!!shader}`);
        for (const name of shader ? ['demo.png', 'hdr.png', 'demo.jpg'] : []) {
            const { net, base } = await opened(await (await fetch(name)).blob());
            await post(`light.shader.${name}`, shader.decode(net, base, light)?.data ?? 'null');
            await post(`light.module.${name}`, net.decode(base, { space: light, type: 'float32' }).data);
            if (name === 'demo.png') {
                await post('adobergb.shader', shader.decode(net, base, 'adobergb').data);
                await post('auto.shader', (await open(g))?.decode(net, base, 'p3')?.data ?? 'null');
            }
        }
        const { default: Pool } = await import('/gamutmlp-pool.mjs');
        const pool = new Pool(g), many = await opened(await (await fetch('many.png')).blob());
        await post('wide.many.png', (await pool.decode(many.net, many.base)).data.buffer);
        pool.close();
        for (const name of ['demo.png', 'demo.jpg', 'rgb.jpg', 'turned.jpg']) {
            const file = await (await fetch(name)).blob();
            const { net, base, shown, note } = await opened(file);
            await post(`base.${name}`, shown.data);
            await post(`note.${name}`, `${base.space} ${note}`);
            await post(`wide.${name}`, net.decode(base).data.buffer);
        }
        for (const [name, how, as = how] of [['demo.png', 'never'], ['demo.png', 'always'], ['many.png', 'never', 'many'], ['plain.png', 'auto']]) {
            const frame = document.createElement('iframe');
            frame.src = `/index.html?src=${name}&shader=${how}`;
            document.body.append(frame);
            const page = await new Promise(resolve => {
                const look = setInterval(() => {
                    if (!frame.contentDocument?.getElementById('about')?.children.length) return;
                    clearInterval(look);
                    resolve(frame.contentDocument);
                }, 50);
            });
            const view = page.getElementById('view');
            for (const value of ['base', 'wide', 'difference']) {
                view.value = value;
                view.onchange();
                await post(`${value}.page.${as}`, pixels(page.getElementById('picture')));
            }
            await post(`text.page.${as}`, page.getElementById('note').textContent);
            await post(`about.page.${as}`, page.getElementById('about').textContent);
            frame.remove();
        }
        await import('/wide-img.mjs');
        const element = document.createElement('wide-img');
        element.setAttribute('always', '');
        element.setAttribute('alt', 'marbles');
        const wide = new Promise(resolve => element.addEventListener('wide', resolve));
        element.setAttribute('src', 'demo.png');
        document.body.append(element);
        await wide;
        await post('element', pixels(element.shadowRoot.querySelector('canvas')));
        element.setAttribute('src', 'plain.png');
        await new Promise(resolve => { element.shadowRoot.querySelector('img').onload = resolve; });
        await post('element.plain', `${!!element.shadowRoot.querySelector('canvas')} ${element.shadowRoot.querySelector('img').alt}`);
        await post('done', '');
    } catch (e) {
        await post('error', `${e} ${e.stack}`);
    }
}

const results = {}, types = { html: 'text/html', mjs: 'text/javascript', wasm: 'application/wasm', png: 'image/png', jpg: 'image/jpeg' };
let finished;
const over = new Promise(resolve => { finished = resolve; });
const { default: load } = await import(pathToFileURL(join(folder, 'gamutmlp.mjs')));
const g = await load();
const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    if (request.method === 'POST') {
        const parts = [];
        request.on('data', part => parts.push(part)).on('end', () => {
            results[name.replace('result/', '')] = Buffer.concat(parts);
            response.end();
            if (name === 'result/done' || name === 'result/error') finished();
        });
        return;
    }
    try {
        const body = name === 'test.html' ? `<!doctype html><body><script type="module">(${inBrowser})()</script>`
                   : readFileSync(/\.(png|jpg)$/.test(name) ? at(name) : join(folder, name));
        response.setHeader('content-type', types[name.split('.').pop()] ?? 'text/plain');
        response.end(body);
    } catch {
        response.statusCode = 404;
        response.end();
    }
}).listen(0, '127.0.0.1');
await new Promise(resolve => server.once('listening', resolve));

const home = at('home');
mkdirSync(home);
const browser = spawn(chromium, ['--headless', '--no-sandbox', '--enable-unsafe-swiftshader', '--disable-dev-shm-usage', '--no-first-run',
    `--user-data-dir=${home}`, '--remote-debugging-port=0', `http://127.0.0.1:${server.address().port}/test.html`],
    { stdio: ['ignore', 'ignore', 'pipe'] });
let said = '';
browser.stderr.on('data', text => { said += text; });
browser.once('exit', finished);
const late = setTimeout(finished, 180000);
await over;
clearTimeout(late);
browser.kill('SIGKILL');
server.closeAllConnections();
server.close();

const bytesOf = a => Buffer.from(a.buffer, a.byteOffset, a.byteLength);
const same = (name, data) => assert.equal(results[name] && Buffer.compare(results[name], bytesOf(data)), 0, `${name}: other bytes`);
const rgb = (bytes, size) => { // of RGBA
    const out = Buffer.alloc(bytes.length / 4 * 3), n = bytes.length / size / 4;
    for (let i = 0; i < n; i++) bytes.copy(out, 3 * size * i, 4 * size * i, 4 * size * i + 3 * size);
    return out;
};
const base = readPng(readFileSync(at('demo.png'))), net = g.open(readFileSync(at('demo.png')));
const p3 = { space: 'p3', type: 'uint8' }, wide = net.decode(base, p3), shown = g.convert(base, p3);

const tests = {
    'it ends well'() { assert(results.done, `${results.error ?? ''} ${said.slice(-500)}`); },
    'a PNG\'s pixels, and the tool\'s wide ones'() {
        assert.equal(Buffer.compare(rgb(results['base.demo.png'], 1), bytesOf(base.data)), 0);
        assert.equal(`${results['note.demo.png']}`, 'srgb ');
        assert.equal(Buffer.compare(rgb(results['wide.demo.png'], 2), bytesOf(readPng(readFileSync(at('demo.png.wide.png'))).data)), 0);
    },
    'workers share a large one, for a page and for the page\'s worker'() {
        assert.equal(Buffer.compare(rgb(results['wide.many.png'], 2), bytesOf(readPng(readFileSync(at('many.png.wide.png'))).data)), 0);
        same('wide.page.many', g.open(readFileSync(at('many.png'))).decode(readPng(readFileSync(at('many.png'))), p3).data);
    },
    'a JPEG\'s'() {
        assert.equal(`${results['note.rgb.jpg']}`, 'srgb ');
        assert.equal(Buffer.compare(rgb(results['wide.rgb.jpg'], 2), bytesOf(readPng(readFileSync(at('rgb.jpg.wide.png'))).data)), 0);
    },
    'a base of sYCC: its own, or said to be clipped'() {
        const note = `${results['note.demo.jpg']}`;
        if (note === 'sycc ')
            assert.equal(Buffer.compare(rgb(results['wide.demo.jpg'], 2), bytesOf(readPng(readFileSync(at('demo.jpg.wide.png'))).data)), 0);
        else {
            console.log(`# ${note}`);
            assert(note.startsWith('srgb the network was made for colours'), note);
            const picture = { data: new Uint8Array(results['base.demo.jpg']), width: base.width, height: base.height };
            same('wide.demo.jpg', g.open(readFileSync(at('demo.jpg'))).decode(picture).data);
        }
    },
    'a JPEG that its EXIF turns'() {
        assert.equal(`${results['note.turned.jpg']}`, 'srgb the picture was edited or turned after encoding, and the network follows');
        const there = results['wide.rgb.jpg'], back = results['wide.turned.jpg'];
        let off = 0;
        for (let i = 0; i < there.length; i += 8) // pixels of 16-bit RGBA
            for (let k = 0; k < 6; k += 2) off += Math.abs(there.readUInt16LE(i + k) - back.readUInt16LE(there.length - 8 - i + k)) > 256;
        assert.equal(back.length, there.length);
        assert(off < there.length / 8 / 100, `${off} samples`);
    },
    'WebGL 2: the module\'s floats and codes'() {
        if (`${results.shader}` === 'false') return console.log('# no WebGL 2: skipped: the shader in a browser');
        same('light.shader.demo.png', net.decode(base, { space: 'prophoto-linear', type: 'float32' }).data);
        if (`${results['auto.shader']}` !== 'null') same('auto.shader', wide.data); // none where it is slow
        same('adobergb.shader', net.decode(base, { space: 'adobergb', type: 'uint8' }).data);
        same('light.shader.hdr.png', results['light.module.hdr.png']);
        assert.equal(`${results['light.shader.demo.jpg']}`, 'null'); // sYCC
    },
    'the page draws file, recovered and difference'() {
        for (const [how, by] of [['never', 'WebAssembly'], ['always', `${results.shader}` === 'true' ? 'WebGL 2' : 'WebAssembly']]) {
            same(`base.page.${how}`, shown.data);
            same(`wide.page.${how}`, wide.data);
            same(`difference.page.${how}`, wide.data.map((v, i) => i % 4 < 3 ? 4 * Math.abs(v - shown.data[i]) : 255));
            assert.equal(`${results[`text.page.${how}`]}`, '');
            assert.match(`${results[`about.page.${how}`]}`, new RegExp(`Decoded by${by}`));
        }
    },
    'the page shows a file without a network, and says so'() {
        same('wide.page.auto', shown.data);
        assert.match(`${results['text.page.auto']}`, /carries no network/);
    },
    'the element'() {
        same('element', wide.data);
        assert.equal(`${results['element.plain']}`, 'false marbles');
    },
};
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
    try {
        test();
        console.log(`ok chromium: ${name}`);
    } catch (e) {
        console.log(`not ok chromium: ${name}\n# ${`${e.message}`.slice(0, 1500).replaceAll('\n', '\n# ')}`);
        failed = 1;
    }
}
process.exit(failed);
