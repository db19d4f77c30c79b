// What the server offers, asked for until it answers.
import { listModels } from "./api.js";

const LONGEST_WAIT = 15;  // seconds

export class Connection {
  // onChange(connection) after every attempt. state: "connecting", "ready", "key" (it wants one), "failed"
  constructor(onChange) {
    this.onChange = onChange;
    this.models = [];
    this.state = "connecting";
    this.error = null;
    this.retryIn = 0;  // seconds
    this.timer = null;
    this.failures = 0;
    this.attempt = 0;
  }

  async connect() {
    clearTimeout(this.timer);
    const attempt = ++this.attempt;
    let outcome;
    try {
      outcome = { models: await listModels(AbortSignal.timeout(10000)) };
    } catch (error) {
      outcome = { error };
    }
    if (attempt !== this.attempt) return;  // a later one decides
    this.error = outcome.error ?? null;
    if (outcome.models) {
      this.models = outcome.models;
      this.state = "ready";
      this.failures = 0;
    } else if (this.error.status === 401) {
      this.state = "key";
    } else {
      this.state = "failed";
      this.retryIn = this.error.retryAfter ?? Math.min(LONGEST_WAIT, 2 ** this.failures);
      this.failures += 1;
      this.timer = setTimeout(() => this.connect(), this.retryIn * 1000);
    }
    this.onChange(this);
  }

  contextOf(id) {
    const length = this.models.find((model) => model.id === id)?.max_model_len;
    return Number.isInteger(length) && length > 0 ? length : null;
  }
}
