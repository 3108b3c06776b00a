//! The suites: a folder of programs for each client, what they need, and who runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Failure, Outcome};
use crate::{gateway, java, node, setup, terminal};

/// A folder below `conformance`.
#[derive(Debug)]
pub struct Suite {
    /// Its name, and that of the folder.
    pub name: &'static str,
    runner: Runner,
}

/// All of them, the quickest to set up first.
pub const SUITES: [Suite; 13] = [
    Suite { name: "boto3", runner: Runner::Pytest },
    Suite { name: "python", runner: Runner::Pytest },
    Suite { name: "secrets", runner: Runner::Pytest },
    Suite { name: "wire-psql", runner: Runner::Pytest },
    Suite { name: "wire-scripts", runner: Runner::Pytest },
    Suite { name: "wire-pgbench", runner: Runner::Pytest },
    Suite { name: "wire-python", runner: Runner::Pytest },
    Suite { name: "wire-jdbc", runner: Runner::Java },
    Suite { name: "wire-node", runner: Runner::Node },
    Suite { name: "node", runner: Runner::Node },
    Suite { name: "items-api", runner: Runner::Example },
    Suite { name: "wire-rust", runner: Runner::Cargo },
    Suite { name: "aws-sdk-rust", runner: Runner::Cargo },
];

#[derive(Debug)]
enum Runner {
    /// pytest in the environment of `conformance/requirements.txt`.
    Pytest,
    /// Node's own, on copies of the programs beside their packages: Node looks for packages in the
    /// folders above a program, and a source tree is no place for them.
    Node,
    /// A Java program, where there is a JDK.
    Java,
    /// pytest, before the program of `examples/NAME`.
    Example,
    /// A program in a workspace of its own, so that no everyday build holds what only it needs.
    Cargo,
}

/// What every suite is told.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The checkout.
    pub root: &'a Path,
    /// The gateway's data directory; `endpoints.json` is in it.
    pub data: &'a Path,
    /// The binary under test.
    pub program: &'a Path,
    /// For the runner.
    pub arguments: &'a [String],
}

/// The suite of that name.
pub fn named(name: &str) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name == name)
}

impl Suite {
    /// Fetches and builds what it needs, before a gateway waits for it. `None`: it cannot be had
    /// here, which has been said.
    pub fn prepare(&'static self, root: &Path) -> Outcome<Option<Prepared>> {
        let place = match self.runner {
            Runner::Pytest => setup::python(root)?,
            Runner::Example => {
                run::checked(self.cargo(root, "build")?.arg("--locked"))?;
                setup::python(root)?
            }
            Runner::Node => {
                let folder = node::packages(root, self.name)?;
                copy_programs(&root.join("conformance").join(self.name), &folder)?;
                folder
            }
            Runner::Java => match java::classes(root, self.name)? {
                Some(folder) => folder,
                None => return Ok(None),
            },
            Runner::Cargo => {
                run::checked(self.cargo(root, "build")?.arg("--locked"))?;
                root.to_owned()
            }
        };
        Ok(Some(Prepared { suite: self, place }))
    }

    /// In the target folder of everything else, which has most of what it needs.
    fn cargo(&self, root: &Path, work: &str) -> Outcome<Command> {
        let is_example = matches!(self.runner, Runner::Example);
        let folder = root.join(if is_example { "examples" } else { "conformance" });
        let manifest = folder.join(self.name).join("Cargo.toml");
        let mut command = run::cargo(root);
        command.args([work, "--quiet", "--manifest-path"]).arg(manifest);
        command.arg("--target-dir").arg(gateway::target(root)?);
        Ok(command)
    }
}

/// A suite that can start at once.
#[derive(Debug)]
pub struct Prepared {
    suite: &'static Suite,
    place: PathBuf,
}

impl Prepared {
    /// The suite's name.
    pub fn name(&self) -> &'static str {
        self.suite.name
    }

    /// Runs it against the gateway of the stage.
    pub fn run(&self, stage: &Stage<'_>) -> Outcome {
        let mut command = match self.suite.runner {
            Runner::Pytest => self.pytest(stage.root),
            Runner::Example => {
                let mut command = self.pytest(stage.root);
                let program = gateway::target(stage.root)?.join("debug").join(self.suite.name);
                command.env("ROWHOUSE_EXAMPLE", program);
                command
            }
            Runner::Node => self.node()?,
            Runner::Java => java::program(&self.place),
            Runner::Cargo => {
                let mut command = self.suite.cargo(stage.root, "run")?;
                command.args(["--locked", "--"]);
                command
            }
        };
        command.args(stage.arguments);
        command.env("ROWHOUSE_DATA_DIR", stage.data).env("ROWHOUSE_PROGRAM", stage.program);
        run::checked(&mut command)
    }

    fn pytest(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.place);
        command
            .current_dir(root)
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
            .arg(format!("conformance/{}", self.suite.name))
            .arg(if terminal::is_coloured() { "--color=yes" } else { "--color=no" })
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn node(&self) -> Outcome<Command> {
        let mut command = Command::new(node::program()?);
        command
            .current_dir(&self.place)
            .args(["--test", "--test-reporter=dot", "--test-reporter-destination=stdout"])
            // The SDK's news of which versions of Node.js it will stop to support.
            .env("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
        Ok(command)
    }
}

/// The programs of now and none of an earlier run.
fn copy_programs(source: &Path, folder: &Path) -> Outcome {
    let copy = || {
        let is_program = |path: &Path| path.extension().is_some_and(|extension| extension == "js");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if is_program(&path) {
                fs::remove_file(path)?;
            }
        }
        for entry in fs::read_dir(source)? {
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| is_program(&path)) {
                fs::copy(&path, folder.join(name))?;
            }
        }
        Ok(())
    };
    copy().map_err(|error: std::io::Error| Failure::new(format!("{}: {error}", folder.display())))
}
