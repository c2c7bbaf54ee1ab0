// Nothing but the package.
import 'jacs-agent';
