// The messages of the conversation that is shown, and following the newest text.
import { MessageView } from "./message_view.js";

const NEAR = 80;  // pixels from the end that still count as being there

export class Transcript {
  constructor({ scroller, element, empty, toEnd, actions }) {
    Object.assign(this, { scroller, element, empty, toEnd, actions });
    this.views = new Map();
    this.following = true;
    this.scheduled = false;
    scroller.addEventListener("scroll", () => this.onScroll(), { passive: true });
    toEnd.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.keepAtEnd()).observe(element);
    new ResizeObserver(() => this.keepAtEnd()).observe(scroller);
  }

  show(messages) {
    const wanted = new Set(messages.map((message) => message.id));
    for (const [id, view] of this.views) {
      if (wanted.has(id)) continue;
      view.element.remove();
      this.views.delete(id);
    }
    messages.forEach((message, i) => {
      let view = this.views.get(message.id);
      // A conversation that another tab changed has new objects for the same messages.
      if (view && view.message !== message) {
        view.element.remove();
        view = undefined;
      }
      if (!view) {
        view = new MessageView(message, this.actions);
        this.views.set(message.id, view);
      }
      if (this.element.children[i] !== view.element) this.element.insertBefore(view.element, this.element.children[i] ?? null);
      view.element.classList.toggle("last", i === messages.length - 1);
      view.update();
    });
    this.empty.hidden = messages.length > 0;
    this.keepAtEnd();
  }

  // Shows what changed in a message, at most once for each frame of the screen.
  schedule(message) {
    this.pending = message;
    if (this.scheduled) return;
    this.scheduled = true;
    // A hidden page has no frames.
    const later = document.hidden ? (run) => setTimeout(run, 250) : requestAnimationFrame;
    later(() => {
      this.scheduled = false;
      this.views.get(this.pending.id)?.update();
      this.keepAtEnd();
    });
  }

  viewOf(message) {
    return this.views.get(message.id);
  }

  follow() {
    this.following = true;
    this.keepAtEnd();
  }

  keepAtEnd() {
    if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
    this.toEnd.hidden = this.following || this.distance() < NEAR;
  }

  distance() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
  }

  onScroll() {
    const top = this.scroller.scrollTop;
    if (top < (this.lastTop ?? 0) - 2 && this.distance() > 2) {
      this.following = false;  // upwards by the reader
    } else if (this.distance() < NEAR / 4) {
      this.following = true;
    }
    this.lastTop = top;
    this.toEnd.hidden = this.following || this.distance() < NEAR;
  }
}
