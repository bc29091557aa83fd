/** Which picture is shown with which boxes: "exact" waits for a picture's own, "fresh" carries the newest along. */
export type ViewMode = "exact" | "fresh";

export type ViewState = "idle" | "connecting" | "live" | "waiting" | "paused" | "failed";

/** What was found: one object. More keys come with what the models and stages of the stream say. */
export interface FoundObject {
  /** Left, top, right and bottom, in pixels of the result. */
  box_xyxy_px: [number, number, number, number];
  class_id: number;
  class_name: string;
  score: number;
  /** The identity; null where it is not certain, or nothing is followed. */
  track_id: number | null;
  /** The identity in all cameras, where these are compared; null while it is not known. */
  global_id?: number | null;
  /** What second models say of it, by their names. */
  attributes?: Record<string, unknown>;
  speed_kmh?: number | null;
  /** [x, y, certainty] of each, in pixels of the result. */
  keypoints?: [number, number, number][];
  /** Outlines of its mask: x, y, x, y ... in pixels of the result. */
  outlines_px?: number[][];
  [more: string]: unknown;
}

/** What was found on one frame. */
export interface FoundResult {
  frame: number;
  /** Seconds since the source began. */
  pts_s: number;
  /** When it reached the server, in microseconds of the server's monotonic clock. */
  captured_us: number;
  width_px: number;
  height_px: number;
  objects: FoundObject[];
  [more: string]: unknown;
}

export interface StateDetail {
  stream: string;
  state: ViewState;
  /** Why, in a sentence; often empty. */
  reason: string;
}

export interface ResultDetail {
  stream: string;
  /** How old the picture is. */
  age_s: number;
  /** How old the boxes are; null where the picture is shown without. */
  boxes_age_s: number | null;
  result: FoundResult;
}

export interface ClickDetail {
  stream: string;
  /** What was clicked: the smallest box there; null beside all of them. */
  object: FoundObject | null;
  /** Where, in pixels of the result. */
  x_px: number;
  y_px: number;
  result: FoundResult;
}

export interface StreamVisionViewEvents {
  "streamvision-state": CustomEvent<StateDetail>;
  "streamvision-result": CustomEvent<ResultDetail>;
  "streamvision-click": CustomEvent<ClickDetail>;
}

export class StreamVisionView extends HTMLElement {
  /** Address of StreamVision, with the path of a proxy if there is one. */
  src: string;
  /** Id of the stream. */
  stream: string;
  /** A viewer's token; as a property it need not stand in the document. */
  token: string | null;
  mode: string;
  /** Names as of the annotators of supervision, such as "box_corner, label by class"; empty: as the server draws. */
  styleName: string;
  fit: string;
  /** Whether labels are drawn; null: as the style says. */
  labels: boolean | null;
  /** Whether trails are drawn; null: as the style says. */
  trails: boolean | null;
  muted: boolean | null;
  controls: boolean | null;
  readonly state: ViewState;
  readonly reason: string;
  readonly paused: boolean;
  play(): void;
  pause(): void;
  /** The picture with all that is drawn over it. Rejects with an InvalidStateError before the first picture. */
  snapshot(options?: { type?: string; quality?: number }): Promise<Blob>;
}

type Switch = "on" | "off" | "" | boolean;

/** The attributes, for JSX and templates. */
export interface StreamVisionViewAttributes {
  src: string;
  stream: string;
  token?: string;
  mode?: ViewMode;
  "style-name"?: string;
  fit?: "contain" | "cover";
  labels?: Switch;
  trails?: Switch;
  muted?: Switch;
  controls?: Switch;
  id?: string;
  class?: string;
  className?: string;
  slot?: string;
  hidden?: boolean;
  "aria-label"?: string;
  ref?: unknown;
  key?: string | number | null;
}

declare global {
  interface HTMLElementTagNameMap {
    "streamvision-view": StreamVisionView;
  }
  interface GlobalEventHandlersEventMap extends StreamVisionViewEvents {}
  namespace JSX {
    interface IntrinsicElements {
      "streamvision-view": StreamVisionViewAttributes;
    }
  }
}
