// Inside the challenge's frame: tells the page around it how tall it is, that Escape was pressed, or that the answer is given.
import { reportHeight, tell } from './channel.js';

document.addEventListener('keydown', (event) => { if (event.key === 'Escape') tell('cancel'); });
tell('hello');
reportHeight();
if (document.body.dataset.answered === 'true') tell('answered');
else document.getElementById('title')?.focus();
