// Question and answer: shown with the targets in their colours, or as text to edit.
import { colourOf } from "./picture.js";

const TARGET = /(?:<p>([^<>]*?)\s*<\/p>\s*)?\[SEG\]/gi;

/** Fill an element with an answer whose phrases are buttons; returns them, one a target. */
export function showAnswer(element, answer, onPick) {
  element.replaceChildren();
  const buttons = [];
  let end = 0;
  for (const match of answer.matchAll(TARGET)) {
    element.append(answer.slice(end, match.index));
    const button = document.createElement("button");
    const target = buttons.length;
    button.className = "phrase";
    button.textContent = match[1] || "target";
    button.title = "Choose this target for the brush (Tab)";
    button.style.setProperty("--colour", colourOf(target));
    button.addEventListener("click", () => onPick(target));
    buttons.push(button);
    element.append(button);
    end = match.index + match[0].length;
  }
  element.append(answer.slice(end));
  return buttons;
}
