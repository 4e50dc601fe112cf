/* <wide-img src="photo.jpg" alt="..."> shows the wide gamut of a file that has a network, in Display P3. It is an <img>
   at first, and stays one where the file has no network or one for HDR, the display no wide gamut, the browser no
   canvas in Display P3 or the server no answer.

      <script type="module" src="wide-img.mjs"></script>

   The event "wide" says that the canvas took over. With the attribute "always" displays are not asked. */

let worker, last = 0;
const waiting = new Map();

/* What worker.mjs makes of a file. One worker for all elements of a page. */
export function restored(file, { measure = false, shader = 'auto' } = {}) {
    if (!worker) {
        worker = new Worker(new URL('worker.mjs', import.meta.url), { type: 'module' });
        worker.onmessage = ({ data }) => {
            const { resolve, reject } = waiting.get(data.id);
            waiting.delete(data.id);
            if (data.error) reject(new Error(data.error));
            else resolve(data);
        };
        worker.onerror = e => {
            worker.terminate();
            worker = null; // the next file gets another
            for (const { reject } of waiting.values()) reject(new Error(e.message || 'the worker does not start'));
            waiting.clear();
        };
    }
    return new Promise((resolve, reject) => {
        worker.postMessage({ id: ++last, file, measure, shader });
        waiting.set(last, { resolve, reject });
    });
}

/* The context of a canvas in Display P3; null where there is none. */
export function p3Context(canvas) {
    const context = canvas.getContext('2d', { colorSpace: 'display-p3' });
    return context?.getContextAttributes?.().colorSpace === 'display-p3' ? context : null;
}

export class WideImg extends HTMLElement {
    static observedAttributes = ['src', 'alt'];
    #img = document.createElement('img');
    #turn = 0; // the latest src's number

    constructor() {
        super();
        const style = document.createElement('style');
        style.textContent =
            ':host { display: inline-block } img, canvas { display: block; max-width: 100%; height: auto }';
        this.attachShadow({ mode: 'open' }).append(style, this.#img);
    }

    attributeChangedCallback(name, before, value) {
        if (name === 'alt') {
            this.#img.alt = value ?? '';
            this.shadowRoot.querySelector('canvas')?.setAttribute('aria-label', value ?? '');
        } else if (before !== value) this.#show(value);
    }

    async #show(src) {
        const turn = ++this.#turn;
        this.shadowRoot.querySelector('canvas')?.remove();
        this.#img.removeAttribute('style');
        if (!src) return this.#img.removeAttribute('src');
        this.#img.src = src;
        if (!this.hasAttribute('always') && !matchMedia('(color-gamut: p3)').matches) return;
        try {
            const answer = await fetch(new URL(src, document.baseURI));
            const made = answer.ok ? await restored(await answer.blob()) : null;
            if (!made?.wide || turn !== this.#turn || made.about.contentMax > 1) return; // HDR: a canvas ends at white
            const canvas = document.createElement('canvas');
            canvas.width = made.width;
            canvas.height = made.height;
            canvas.setAttribute('role', 'img');
            canvas.setAttribute('aria-label', this.#img.alt);
            const context = p3Context(canvas);
            if (!context) return;
            context.putImageData(new ImageData(made.wide, made.width, made.height, { colorSpace: 'display-p3' }), 0, 0);
            this.#img.style.display = 'none';
            this.shadowRoot.append(canvas);
            this.dispatchEvent(new Event('wide'));
        } catch (e) {
            console.info(`${src}: shown as it is: ${e.message}`);
        }
    }
}
customElements.define('wide-img', WideImg);
