// `npm run servers:install`: installs what `npm run servers` needs, as root.
import { canInstall } from '../apt.mjs';
import { Failure, main } from '../process.mjs';
import { installTools, SERVER_TOOLS } from '../system.mjs';
import { installMoto } from '../venv.mjs';

main(() => {
  const missing = installTools(SERVER_TOOLS, true);
  const moto = installMoto();
  if (missing.length > 0) {
    const names = missing.flatMap((tool) => tool.packages).join(' ');
    throw new Failure(canInstall() ? `these do not work: ${names}` : `as root, apt-get install ${names}`);
  }
  if (!moto) throw new Failure('moto could not be installed');
});
