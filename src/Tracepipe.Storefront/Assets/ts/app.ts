// The script of every page. What only one page needs is a module of its own beside this file, loaded when its element appears (ui/mount.ts).
import "@hotwired/turbo";
import "./ui/copy";
import "./ui/dialogs";
import "./ui/focus";
import "./ui/frames";
import "./ui/leaving";
import { mount } from "./ui/mount";
import "./ui/reveal";
import "./ui/sending";
import "./ui/stream";
import "./ui/tabs";
import "./ui/theme";
import "./ui/toasts";

mount("[data-chart]", () => void import("./chart"));
